"""PostgreSQL on a TCP port, by way of its Unix socket: so it has no TLS there, and what it says can be changed."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests import loopback
from tests.postgresql import Server


@contextmanager
def relayed(server: Server, change: Callable[[bytes], bytes] = bytes) -> Iterator[int]:
    """Serve on loopback while the block runs; the port. `change` is applied to what the server sends."""
    path = f"{server.directory}/.s.PGSQL.{server.port or 5432}"

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as behind:
                behind.connect(path)
                back = threading.Thread(target=_pass_on, args=(behind, self.request, change))
                back.start()
                _pass_on(self.request, behind, bytes)
                back.join()

    with loopback.serve(Handler) as port:
        yield port


def _pass_on(source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes]) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(change(data))
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
