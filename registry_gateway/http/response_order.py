"""The sending side of a connection: answers in the order of their requests, short ones in one write, none after the
client has disconnected.

uvicorn writes its own refusals (400) at once, even while earlier requests are being answered, and reports a disconnect
to the newest of several requests only.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from registry_gateway.http.answer import BREAK, WHOLE

COPIED_BYTES = 16_384
"""Largest body that is copied behind its head; for larger ones writelines takes less time than the copy."""

TURN_SECONDS = 0.001
"""Seconds between the starts of two pipelined requests, of all connections together."""

ABANDONED = "registry_gateway.abandoned"
"""Key in the state of the ASGI lifespan: the row of counters for abandoned requests."""

log = logging.getLogger("registry_gateway.connection")


class _NoParser:
    """The parser of a connection after a refusal."""

    def feed_data(self, _data: bytes) -> None:
        """Ignore the data."""


class _Turns:
    """The queue of pipelined requests. One of them is started every `TURN_SECONDS`.

    A heartbeat takes some ten iterations of the event loop. Without this limit, each iteration could last as long as
    one answer to every client that pipelines, and these clients alone could keep a core busy. The dialects' clients do
    not pipeline.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._due = 0.0

    def wait(self, begin: Callable[[], None]) -> None:
        """Call `begin` after the requests that wait already."""
        self._waiting.append(begin)
        if len(self._waiting) == 1:
            self._loop.call_at(self._due, self._next)

    def _next(self) -> None:
        begin = self._waiting.popleft()
        self._due = self._loop.time() + TURN_SECONDS
        if self._waiting:
            self._loop.call_at(self._due, self._next)
        begin()


_turns = lru_cache(maxsize=1)(_Turns)
"""Return the queue of an event loop. A process has one loop."""


class Answering(HttpToolsProtocol):
    """uvicorn's connection, with its answers and refusals in order."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Initialize the connection without a request."""
        super().connection_made(transport)
        no_request_yet: Any = {}
        self.scope = no_request_yet  # so that the time limits apply to a client that sends nothing, too
        self._extensions: dict[str, Any] = {WHOLE: self._write_whole, BREAK: transport.abort}
        self._being_answered: RequestResponseCycle | None = None  # set only while other requests wait behind it
        self._refusal: bytes | None = None
        self._left = False

    def eof_received(self) -> None:
        """Record that the client has closed the connection."""
        self._left = not self.transport.is_closing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Disconnect all unanswered requests, and count them if the client closed the connection."""
        self._extensions.clear()  # breaks a reference cycle, which only the garbage collector would free
        unanswered = self._unanswered()
        if unanswered and (self._left or exc is not None):
            self._note_abandoned(unanswered)
        for cycle in unanswered:
            _disconnect(cycle)
        self.pipeline.clear()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Start the request, or queue it behind those before it."""
        self.scope["extensions"] = self._extensions
        before = self.cycle
        super().on_headers_complete()
        if self.pipeline and len(self.pipeline) == 1:
            self._being_answered = before

    def on_response_complete(self) -> None:
        """Start the next request if it has arrived already. Unlike uvicorn's method, it sets no keep-alive timer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            _turns(self.loop).wait(self._answer_next)
        elif self._refusal is not None:
            self._close_refusing(self._refusal)

    def _answer_next(self) -> None:
        """Start the first waiting request, if there is one."""
        if self.pipeline:
            self._being_answered, app = self.pipeline.pop()
            self._start_asgi_task(self._being_answered, app)

    # --- answers in one write

    def _write_whole(
        self, scope: MutableMapping[str, Any], status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> bool:
        """Write a whole answer, head and body, end the request, and return True (see `answer.WHOLE`).

        Returns False without writing if the client reads too slowly, has disconnected, or has sent the next request
        already, or if uvicorn's access log is on.
        """
        cycle = self.cycle
        if cycle.scope is not scope or cycle.response_started or cycle.access_log:
            return False
        if self.flow.write_paused or cycle.disconnected:
            return False
        fields = (*cycle.default_headers, *headers)
        lines = [STATUS_LINE[status]]
        for name, value in fields:
            lines += (name, b": ", value, b"\r\n")
        head = b"".join((*lines, b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"))
        if head.count(b"\n") != len(fields) + (2 if cycle.keep_alive else 3):
            return False  # a header contains a line break, which uvicorn refuses
        if scope["method"] == "HEAD":
            body = b""
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if len(body) <= COPIED_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()
        return True

    # --- refusals

    def send_400_response(self, msg: str) -> None:
        """Answer a request that can't be parsed with 400 and `msg`."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, text: str | None = None) -> None:
        """Send a refusal and close the connection, after the answers to the complete requests before.

        Data received from here on is ignored. An incomplete request gets no other answer. If its answer has begun
        already, the connection is closed without a refusal.
        """
        self.parser = _NoParser()  # type: ignore[assignment] # only feed_data is called from here on
        cycle = self.cycle
        if cycle is not None and cycle.more_body and self._has_head():
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            elif cycle.response_started:
                self.transport.close()
                return
            _disconnect(cycle)
        content = text or status.phrase
        self._refusal = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(content)}\r\nconnection: close\r\n\r\n{content}"
        ).encode()
        if not self._unanswered():
            self._close_refusing(self._refusal)

    def _close_refusing(self, refusal: bytes) -> None:
        self.transport.write(refusal)
        self.transport.close()

    def _is_ignoring(self) -> bool:
        return self._refusal is not None or self.transport.is_closing()

    def _has_head(self) -> bool:
        return "method" in self.scope  # uvicorn sets it last, at the end of the head

    # --- disconnected clients

    def _unanswered(self) -> list[RequestResponseCycle]:
        """Return the requests that are being answered or wait, in order."""
        cycles = [self._being_answered, *(cycle for cycle, _app in reversed(self.pipeline)), self.cycle]
        return [c for c in dict.fromkeys(cycles) if c is not None and not c.response_complete and not c.disconnected]

    def _note_abandoned(self, unanswered: list[RequestResponseCycle]) -> None:
        scope = unanswered[0].scope
        client = self.client[0] if self.client else None
        log.debug(
            "the client left before it was answered",
            extra={"client": client, "method": scope["method"], "path": scope["path"], "requests": len(unanswered)},
        )
        if ABANDONED in self.app_state:
            self.app_state[ABANDONED][0] += len(unanswered)


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Report the disconnect to a request's application; what it sends from then on is dropped."""
    cycle.disconnected = True
    cycle.message_event.set()
