"""Receivers of webhooks: small HTTP servers that keep what they get, and answer as a test wants."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from standardwebhooks.webhooks import Webhook as Verifier

PRIVATE = {"REGISTRY_GATEWAY_WEBHOOK_PRIVATE_NETWORKS": "127.0.0.1"}
"""The setting that permits receivers of tests."""


class Delivery(NamedTuple):
    """A request to a receiver, and its time by the monotonic clock."""

    at: float
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int

    @property
    def message(self) -> Any:
        """The message."""
        return json.loads(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its events; none if it is about something else."""
        found: list[dict[str, Any]] = self.message.get("data", {}).get("events", [])
        return found

    def verify(self, secret: str) -> Any:
        """The message, verified by the specification's library."""
        return Verifier(secret).verify(self.body, dict(self.headers))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Say nothing: the gateway may close a connection before it is answered."""


Reply = tuple[int, Mapping[str, str], bytes]


class Receiver:
    """A receiver on loopback. `answer` is called with the number of the request, from 0 on."""

    def __init__(self) -> None:
        """Bind a port."""
        self.answer: Callable[[int], int | Reply] = lambda _number: 204
        self.requests: list[Delivery] = []
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver._take(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    @contextmanager
    def running(self) -> Iterator["Receiver"]:
        """Serve while the context is open."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    @property
    def accepted(self) -> list[Delivery]:
        """The requests that were answered with success."""
        return [request for request in self.requests if 200 <= request.status < 300]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of the messages that it accepted, in the order in which they came."""
        return [event for request in self.accepted for event in request.events]

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            number = len(self.requests)
            self.requests.append(Delivery(time.monotonic(), handler.path, headers, body, 0))
        found = self.answer(number)
        status, more, content = (found, {}, b"") if isinstance(found, int) else found
        self.requests[number] = self.requests[number]._replace(status=status)
        handler.send_response(status)
        for name, value in {"content-length": str(len(content)), **more}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition; fail if it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
