"""Look-up of the services' host names on this machine, beside the other checks."""

import queue
import socket
import threading
import time

from registry_gateway.doctor.report import Diagnosis
from registry_gateway.doctor.rules import addresses

THREADS = 16
"""Names that are looked up at a time."""

SECONDS = 5.0
"""Seconds that the look-ups together may take, if there are no more names than threads."""

MANY_SECONDS = 1.0
"""The same for more names. A resolver that is slow would take minutes for thousands of them."""


class HostLookup:
    """The look-up of the hosts of services. It begins with the first host, in threads; each name is looked up once."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, str], str] = {}
        self._names: set[str] = set()
        self._left: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._resolved: dict[str, bool] = {}
        self._threads: list[threading.Thread] = []
        self._began = 0.0

    def add(self, dialect: str, key: str, address: str | None) -> None:
        """Look up the host of a service. One that `addresses.of_address` reports is not looked up."""
        if address is None or addresses.of_address(address):
            return
        host = addresses.host_of(address)
        if host is None:
            return
        self._hosts[dialect, key] = host
        self.look_up(host)

    def look_up(self, host: str) -> None:
        """Look up a host, unless it is being looked up already."""
        if host in self._names:
            return
        self._began = self._began or time.monotonic()
        self._names.add(host)
        self._left.put(host)
        if len(self._threads) < THREADS:
            # Daemon threads instead of a pool: a resolver that hangs must not keep the process from ending.
            thread = threading.Thread(target=self._work, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (host := self._left.get()) is not None:
            self._resolved[host] = _resolves(host)

    def finish(self) -> tuple[set[str], set[str]]:
        """Return the hosts that have no address, and those whose look-up was not answered in time."""
        for _ in self._threads:
            self._left.put(None)
        deadline = self._began + (SECONDS if len(self._names) <= THREADS else MANY_SECONDS)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        answers = dict(self._resolved)
        return {host for host, found in answers.items() if not found}, self._names - answers.keys()

    def diagnoses(self) -> tuple[list[Diagnosis], list[str]]:
        """Return the services whose host has no address, and the hosts that were not looked up in time."""
        missing, unanswered = self.finish()
        found = [
            Diagnosis(dialect=dialect, key=key, finding=addresses.unresolved(host))
            for (dialect, key), host in self._hosts.items()
            if host in missing
        ]
        return found, sorted(unanswered)


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):  # UnicodeError: a label that is not valid in any name
        return False
