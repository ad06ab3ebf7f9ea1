"""A fleet of services, one request at a time: it joins, stays alive between the samples, and looks at answers."""

import http.client
import time
from collections.abc import Sequence
from math import inf

from bench.cases import Case, right
from bench.dialects import Dialect
from bench.message import COUNTER, Message
from bench.servers.server import Server

FRESH = 5.0
"""Seconds for which heartbeats need not be sent again. With the longest sample that is less than any lease."""


class WrongAnswer(Exception):
    """A server did not answer as it must; the message says to what, and how."""


class Fleet:
    """The services of one dialect, registered with one server."""

    def __init__(self, server: Server, dialect: Dialect, keys: Sequence[str], *, lasting: bool = False) -> None:
        """Take the server and the names of the services; `lasting` if their leases outlast the run by themselves."""
        self.keys = keys
        self._dialect = dialect
        self._lasting = lasting
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self._number = 0
        self._heard = -inf

    def join(self) -> None:
        """Register all."""
        for key in self.keys:
            for message in self._dialect.joining(key):
                self._send(message)
        self.close()

    def stay(self) -> None:
        """Send one heartbeat each, unless that was just done, so that all are alive for the next sample."""
        if self._lasting or time.monotonic() - self._heard < FRESH:
            return
        for key in self.keys:
            self._send(self._dialect.heartbeat(key))
        self._heard = time.monotonic()
        self.close()

    def verify(self, case: Case) -> None:
        """Look at the answer to the last message of a case.

        Raises:
            WrongAnswer: It is not what the case expects.
        """
        message = case.messages(self.keys)[-1]
        body = self._send(message)
        self.close()
        if not right(case, body, len(self.keys)):
            raise WrongAnswer(f"{message.method} {message.path} answered {len(body)} bytes: {body[:300]!r}")

    def seconds(self, case: Case) -> float:
        """Return how long the answer to the last message of a case takes, to its last byte."""
        message = case.messages(self.keys)[-1]
        begin = time.perf_counter()
        self._send(message)
        taken = time.perf_counter() - begin
        self.close()
        return taken

    def _send(self, message: Message) -> bytes:
        if COUNTER in message.path or COUNTER.encode() in message.body:
            self._number += 1
            message = message.numbered(self._number)
        self._connection.request(message.method, message.path, message.body or None, dict(message.headers))
        response = self._connection.getresponse()
        body = response.read()
        if not 200 <= response.status < 300:
            raise WrongAnswer(f"{message.method} {message.path} answered {response.status}: {body[:300]!r}")
        return body

    def close(self) -> None:
        """Close the connection; the next message opens one. Servers close those that were idle for some seconds."""
        self._connection.close()
