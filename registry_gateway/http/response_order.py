"""How a connection answers: whole answers in one piece, all answers in the order of their requests, and none to a
client that has left.

uvicorn writes a refusal of its own (400) at once, whatever is still being answered, and tells only the newest of
several requests that the client has left.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from registry_gateway.http.answer import WHOLE

COPIED_BYTES = 16_384
"""Most bytes of a body that are copied behind its head; with more, a list of two costs less than the copy."""

TURN_SECONDS = 0.001
"""Seconds from the beginning of one request that was sent ahead of an answer to the next such, of all connections."""

ABANDONED = "registry_gateway.abandoned"
"""Key in the state of the ASGI lifespan: the row of numbers in which abandoned requests are counted."""

log = logging.getLogger("registry_gateway.connection")


class _Deaf:
    """What a connection parses with after the last request it takes."""

    def feed_data(self, _data: bytes) -> None:
        """Do nothing."""


class _Turns:
    """Requests that were sent ahead of an answer: one of them is begun every `TURN_SECONDS`.

    A heartbeat takes some ten iterations of the event loop. Without turns each of those could be as long as one answer
    to every client that sends requests ahead, and these alone could keep a core busy. No client of the dialects sends
    requests ahead.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._due = 0.0

    def wait(self, begin: Callable[[], None]) -> None:
        """Call `begin` when it is its turn."""
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
"""Return the turns of an event loop. A process has one."""


class Answering(HttpToolsProtocol):
    """uvicorn's connection, with its answers and refusals in order."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin with no request."""
        super().connection_made(transport)
        no_request_yet: Any = {}
        self.scope = no_request_yet  # a client that sends nothing is waited for like one that sends half a head
        self._extensions: dict[str, Any] = {WHOLE: self._write_whole}
        self._being_answered: RequestResponseCycle | None = None  # noted only where others wait behind it
        self._refusal: bytes | None = None
        self._left = False

    def eof_received(self) -> None:
        """Note that the client ends the connection."""
        self._left = not self.transport.is_closing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all unanswered requests that their client has gone, and count them if it left by itself."""
        self._extensions.clear()  # or only the garbage collector would find what refers to itself in there
        unanswered = self._unanswered()
        if unanswered and (self._left or exc is not None):
            self._note_abandoned(unanswered)
        for cycle in unanswered:
            _disconnect(cycle)
        self.pipeline.clear()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Have the request answered, or wait for its turn."""
        self.scope["extensions"] = self._extensions
        before = self.cycle
        super().on_headers_complete()
        if self.pipeline and len(self.pipeline) == 1:
            self._being_answered = before

    def on_response_complete(self) -> None:
        """Go on with the next request, if it is here already. No timer for the case that none comes."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            _turns(self.loop).wait(self._answer_next)
        elif self._refusal is not None:
            self._close_refusing(self._refusal)

    def _answer_next(self) -> None:
        """Have the first of the requests that wait answered, unless the client has left."""
        if self.pipeline:
            self._being_answered, app = self.pipeline.pop()
            self._start_asgi_task(self._being_answered, app)

    # --- at once

    def _write_whole(
        self, scope: MutableMapping[str, Any], status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> bool:
        """Write a whole answer, head and body, and end the request; tell whether that could be done.

        It could not where there is more to do than to write: the client reads too slowly, has gone, or has sent the
        next request already; or uvicorn is to log requests. See `answer.WHOLE`.
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
            return False  # a line break in a header: uvicorn refuses it
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
        """Say what is wrong with what could not be parsed."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, text: str | None = None) -> None:
        """Answer in the connection's own name and close it, after the answers to the complete requests before.

        What comes from here on is not parsed. A request that is incomplete gets no other answer; if it has one, or the
        beginning of one, the connection is closed without a refusal.
        """
        self.parser = _Deaf()  # type: ignore[assignment] # all that is asked of it from here on
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

    def _is_deaf(self) -> bool:
        return self._refusal is not None or self.transport.is_closing()

    def _has_head(self) -> bool:
        return "method" in self.scope  # where uvicorn puts it last

    # --- who has left

    def _unanswered(self) -> list[RequestResponseCycle]:
        """Return the requests that are being answered or wait for it, in order."""
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
    """Have a request's application told that its client is gone; what it sends is dropped."""
    cycle.disconnected = True
    cycle.message_event.set()
