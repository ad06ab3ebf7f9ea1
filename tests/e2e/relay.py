"""A relay between a gateway and PostgreSQL that loses what it is told to lose."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests import loopback

_COMMIT = b"COMMIT;"


class Relay:
    """Passes connections on to `target`, a port of loopback or the path of a socket, which may be changed.

    Attributes:
        lose_commits: `answer`: the server gets the next COMMIT, and nothing of its answer comes back. `request`: the
            server does not get it either. Then that connection stays open, and silent, both ways. None: nothing.
        lost: How many that were.
        idle_limit: Seconds after which a connection that nothing went over is dropped without a word, as a NAT does.
    """

    def __init__(self, target: int | str) -> None:
        self.target = target
        self.lose_commits: str | None = None
        self.lost = 0
        self.idle_limit: float | None = None
        self.port = 0
        self._open: set[socket.socket] = set()

    @contextmanager
    def running(self) -> Iterator["Relay"]:
        """Serve on loopback while the block runs."""
        relay = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                relay._pass(self.request)

        with loopback.serve(Handler) as self.port:
            try:
                yield self
            finally:
                self.cut()

    def cut(self) -> None:
        """End all connections."""
        for side in list(self._open):
            with suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _connect(self) -> socket.socket:
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.target)
        return server

    def _pass(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            client.close()
            return
        _Conversation(self, client, server).run()


class _Conversation:
    def __init__(self, relay: Relay, client: socket.socket, server: socket.socket) -> None:
        self._relay = relay
        self._client = client
        self._server = server
        self._silent = False
        self._last = time.monotonic()

    def run(self) -> None:
        sides = {self._client, self._server}
        self._relay._open |= sides
        back = threading.Thread(target=self._carry, args=(self._server, self._client, False))
        back.start()
        self._carry(self._client, self._server, True)
        back.join()
        self._relay._open -= sides
        self._server.close()

    def _carry(self, source: socket.socket, target: socket.socket, forth: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._watch_idleness()
                if forth and not self._silent and _COMMIT in data and self._relay.lose_commits is not None:
                    lost, self._relay.lose_commits = self._relay.lose_commits, None
                    self._relay.lost += 1
                    self._silent = True
                    if lost == "answer":
                        target.sendall(data)
                    continue
                if not self._silent:
                    target.sendall(data)
            if not self._silent:
                target.shutdown(socket.SHUT_WR)

    def _watch_idleness(self) -> None:
        limit, now = self._relay.idle_limit, time.monotonic()
        if limit is not None and now - self._last > limit:
            self._silent = True
        self._last = now
