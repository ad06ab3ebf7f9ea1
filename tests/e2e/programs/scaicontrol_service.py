"""A ScaiControl service, as one would write it from the API's document: no client of it is published.

`scaicontrol_service.py GATEWAY_URL SLUG VERSION HEARTBEAT_INTERVAL`, with its token in SCAICONTROL_TOKEN.

It registers, or updates its registration when there is one already, heartbeats until SIGTERM, then
deregisters. Each answer of the gateway is one line of JSON on standard output: `{"call", "status", "body"}`.
"""

import json
import os
import signal
import sys
import threading
import time
from typing import Any

import httpx

REGISTER = "/api/v1/registry/register"
HEARTBEAT = "/api/v1/registry/heartbeat"


class Service:
    """The service's side of the protocol."""

    def __init__(self, gateway_url: str, slug: str, version: str) -> None:
        self._slug = slug
        self._version = version
        self._started = time.monotonic()
        self._http = httpx.Client(
            base_url=gateway_url,
            headers={"Authorization": f"Bearer {os.environ['SCAICONTROL_TOKEN']}"},
            verify=False,  # plain HTTP on loopback: reading the certificates would take longer than all else
        )

    def register(self) -> None:
        """Register; where the slug is taken, by what we were before a restart, update it instead."""
        registration = {
            "slug": self._slug,
            "name": "Invoices",
            "version": self._version,
            "description": "Writes and sends invoices",
            "base_url": "http://invoices.internal:8080",
            "health_check_url": "http://invoices.internal:8080/health",
            "capabilities": ["invoices.write"],
            "endpoints": [{"path": "/invoices", "method": "POST"}],
            "heartbeat_interval_seconds": 30,
            "metadata": {"team": "billing"},
        }
        if self._call("register", "POST", REGISTER, registration) == httpx.codes.CONFLICT:
            self._call("update", "PUT", REGISTER, registration)

    def heartbeat(self) -> None:
        """Say that all is well."""
        uptime = int(time.monotonic() - self._started)
        beat = {"slug": self._slug, "status": "healthy", "version": self._version, "uptime_seconds": uptime}
        self._call("heartbeat", "POST", HEARTBEAT, beat)

    def deregister(self) -> None:
        """Leave, by a DELETE that has a body."""
        self._call("deregister", "DELETE", REGISTER, {"slug": self._slug, "reason": "shut down"})

    def _call(self, call: str, method: str, path: str, document: dict[str, Any]) -> int:
        try:
            answer = self._http.request(method, path, json=document)
        except httpx.TransportError as error:
            print(json.dumps({"call": call, "status": 0, "body": str(error)}), flush=True)
            return 0
        body = answer.json() if answer.content else None
        print(json.dumps({"call": call, "status": answer.status_code, "body": body}), flush=True)
        return answer.status_code


def main(gateway_url: str, slug: str, version: str, interval: str) -> None:
    """Be a service until SIGTERM."""
    asked_to_end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked_to_end.set())
    service = Service(gateway_url, slug, version)
    service.register()
    while not asked_to_end.wait(float(interval)):
        service.heartbeat()
    service.deregister()


if __name__ == "__main__":
    main(*sys.argv[1:])
