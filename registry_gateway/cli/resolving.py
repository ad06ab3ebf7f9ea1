"""Whether hosts have an address, as this machine sees them: asked side by side, and not for ever."""

import queue
import socket
import threading
import time
from collections.abc import Iterable

ASKING = 16
"""How many names are asked for at a time."""

SECONDS = 15.0
"""How long it may take altogether."""


def unresolved(hosts: Iterable[str], seconds: float = SECONDS) -> tuple[set[str], set[str]]:
    """Return the hosts that have no address, and those nobody could tell of in time."""
    left: queue.SimpleQueue[str] = queue.SimpleQueue()
    asked = set(hosts)
    for host in asked:
        left.put(host)
    known: dict[str, bool] = {}

    def work() -> None:
        while True:
            try:
                host = left.get_nowait()
            except queue.Empty:
                return
            known[host] = _resolves(host)

    # Threads of our own, since a resolver that hangs must not keep the process from ending.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(ASKING, len(asked)))]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    told = dict(known)
    return {host for host, there in told.items() if not there}, asked - told.keys()


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):  # UnicodeError: a label no name can have
        return False
