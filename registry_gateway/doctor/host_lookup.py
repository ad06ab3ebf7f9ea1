"""Look-up of the services' host names on this machine."""

import queue
import socket
import threading
import time
from collections.abc import Iterable

from registry_gateway.doctor.report import Diagnosis
from registry_gateway.doctor.rules import addresses

THREADS = 16
"""Names that are looked up at a time."""

SECONDS = 15.0
"""Seconds that all look-ups together may take."""


def of_hosts(advertised: Iterable[tuple[str, str, str | None]]) -> tuple[list[Diagnosis], list[str]]:
    """Return the services (dialect, key, address) whose host has no address, and the hosts not looked up in time.

    A host that `addresses.of_address` reports is not looked up.
    """
    hosts = {
        (dialect, key): host
        for dialect, key, address in advertised
        if address is not None and not addresses.of_address(address) and (host := addresses.host_of(address))
    }
    missing, unanswered = look_up(hosts.values(), SECONDS)
    diagnoses = [
        Diagnosis(dialect=dialect, key=key, finding=addresses.unresolved(host))
        for (dialect, key), host in hosts.items()
        if host in missing
    ]
    return diagnoses, sorted(unanswered)


def look_up(hosts: Iterable[str], seconds: float) -> tuple[set[str], set[str]]:
    """Return the hosts that have no address, and those whose look-up was not answered within `seconds`."""
    names = set(hosts)
    left: queue.SimpleQueue[str] = queue.SimpleQueue()
    for host in names:
        left.put(host)
    resolved: dict[str, bool] = {}

    def work() -> None:
        while True:
            try:
                host = left.get_nowait()
            except queue.Empty:
                return
            resolved[host] = _resolves(host)

    # Daemon threads instead of a pool: a resolver that hangs must not keep the process from ending.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(THREADS, len(names)))]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    answers = dict(resolved)
    return {host for host, found in answers.items() if not found}, names - answers.keys()


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):  # UnicodeError: a label that is not valid in any name
        return False
