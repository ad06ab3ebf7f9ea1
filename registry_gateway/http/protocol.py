"""A client's connection, with limits that uvicorn does not have: on the size of a request, on the number of pipelined
requests, and on the time a client may make no progress.

uvicorn reads HTTP with httptools, which accepts heads of any size (`h11_max_incomplete_event_size` is for uvicorn's
other parser), parses all received bytes at once, and adds trailers to the headers. A request that never ends would hold
its connection for ever. Therefore each connection is checked every `CHECK_SECONDS`, which costs a request in time
nothing. The same check closes idle connections. uvicorn would set and clear a timer for each answer, which takes 2 to
3 % of the time of a heartbeat.
"""

import asyncio
import logging
import sys
from http import HTTPStatus
from typing import ClassVar

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl

from registry_gateway.core.address import unmapped
from registry_gateway.http.response_order import Answering

MAX_HEAD_BYTES = 32_768
"""Most bytes in the path, query and headers of a request. The longest accepted token has 16,384."""

MAX_TRAILER_BYTES = 32_768
"""Most bytes in the trailers of a chunked body, and in other data that is neither head nor body."""

PIECE_BYTES = 512
"""Bytes that are parsed at a time if they may contain many requests. The shortest request has 18."""

MAX_LINES = 64
"""Lines above which data longer than `PIECE_BYTES` is parsed in pieces. A request has two or more."""

MAX_WAITING = 4
"""Requests waiting behind the one being answered from which on no further piece is parsed. One piece may add 28."""

CHECK_SECONDS = 20.0
"""Seconds between two checks of a connection. If both find it waiting for the same thing (the rest of a request, or the
next request), it is closed. This is longer than clients keep an idle connection (httpx 5 s, aiohttp 15 s), so that
clients close first and send no request on a connection that is being closed.
"""

STOP_CHECK_SECONDS = 1.0
"""Seconds between two checks while the gateway stops, for a client that does not read its answer."""

STOPPING = "registry_gateway.stopping"
"""Key in the lifespan's state: a function that connections call when the server begins to stop, possibly many times."""

_HANDSHAKE = b"\x16"
"""First byte of a TLS connection (RFC 8446, 5.1: a record of type handshake). No HTTP method begins with it."""

log = logging.getLogger("registry_gateway.connection")


class _TooLargeError(ValueError):
    """Stops the parser; uvicorn then calls `send_400_response`."""


class _Flow(FlowControl):
    """uvicorn's flow control, which resumes reading when an answer ends or a body is read.

    While `full` is set, because received bytes wait to be parsed, it does not resume.
    """

    full = False

    def resume_reading(self) -> None:
        """Resume reading, unless `full` is set."""
        if self.read_paused and not self.full:
            super().resume_reading()


class _Trailers(list[tuple[bytes, bytes]]):
    """Replacement for the headers while trailers arrive: counts the bytes of the fields and keeps none."""

    size = 0

    def append(self, field: tuple[bytes, bytes]) -> None:
        """Count the bytes of a field, with its colon, space and line end."""
        self.size += len(field[0]) + len(field[1]) + 4
        if self.size > MAX_TRAILER_BYTES:
            raise _TooLargeError


class Connection(Answering):
    """uvicorn's connection with limits. Refusals are plain text, like uvicorn's answers to invalid HTTP."""

    check_seconds: ClassVar[float] = CHECK_SECONDS
    flow: _Flow

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Start the checks of this connection."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        if self.client is not None:
            self.client = (unmapped(self.client[0]), self.client[1])
        self._unparsed = b""
        self._now = 0
        self._unplaced = 0
        self._waited_for: object = None
        self._unread: tuple[int, int] | None = None
        self._watch = self.loop.call_later(self.check_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the checks."""
        self._watch.cancel()
        self._unparsed = b""
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish the requests in flight, unless the client does not read its answer."""
        if STOPPING in self.app_state:
            self.app_state[STOPPING]()  # ASGI notifies the application only after all requests have ended
        super().shutdown()
        self._watch.cancel()
        self._stop()

    # --- limits on size

    def data_received(self, data: bytes) -> None:
        """Parse received data; refuse heads without end, and data that is neither head nor body, at a small size.

        The size of a head is checked at its end. It consists of names and values, without separators.
        """
        self._now = len(data)
        if self._unparsed or (self._now > PIECE_BYTES and data.count(b"\n") > MAX_LINES):
            self._parse_in_pieces(self._unparsed + data)
            return
        if data.startswith(_HANDSHAKE) and not self._has_begun():
            self._refuse_tls()
            return
        self._unplaced += self._now  # back to 0 at the end of a head, at each part of a body, and at its end
        super().data_received(data)
        if self._unplaced > MAX_TRAILER_BYTES and (self._has_head() or self._unplaced > 2 * MAX_HEAD_BYTES):
            self._refuse_size()

    def _answer_next(self) -> None:
        """Answer the next request, and parse data that was kept."""
        super()._answer_next()
        if self._unparsed:
            self._parse_in_pieces(self._unparsed)

    def _parse_in_pieces(self, data: bytes) -> None:
        """Parse until `MAX_WAITING` requests wait, and keep the rest. Reading is paused until the rest is parsed."""
        self._unparsed, parsed = b"", 0
        while parsed < len(data) and len(self.pipeline) < MAX_WAITING and not self._is_ignoring():
            self.data_received(data[parsed : parsed + PIECE_BYTES])
            parsed += PIECE_BYTES
        self._unparsed = b"" if self._is_ignoring() else data[parsed:]
        self.flow.full = bool(self._unparsed)
        if self.flow.full:
            self.flow.pause_reading()
        elif not self.pipeline:
            self.flow.resume_reading()

    def on_headers_complete(self) -> None:
        """Check the size of a head. It is added up only if as many bytes have been received."""
        if self._unplaced + self._now > MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                raise _TooLargeError
        self._unplaced = 0
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Keep trailers out of the headers. Called for chunked bodies only."""
        self.headers = _Trailers()

    def on_body(self, body: bytes) -> None:
        """Add a part of the body for the application. Unlike uvicorn's method, it ignores upgrades (no web sockets)."""
        self._unplaced = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Mark the body as complete."""
        self._unplaced = 0
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that can't be parsed: 431 if a limit stopped the parser, else 400."""
        error = sys.exception()  # the parser's; its context is the exception that stopped it
        if error is not None and isinstance(error.__context__, _TooLargeError):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _refuse_size(self) -> None:
        if not self._is_ignoring():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _refuse_tls(self) -> None:
        """Refuse a TLS handshake and log it. The answer is plain text: TLS clients report it as "wrong version number",
        a well-known message. A TLS alert would look like a problem with versions or ciphers.
        """
        client = self.client[0] if self.client else None
        log.warning(
            "TLS spoken to a plain HTTP port: give the client an http:// URL, or serve with --ssl-certfile",
            extra={"client": client},
        )
        self._refuse(HTTPStatus.BAD_REQUEST)

    # --- limits on time

    def _look(self) -> None:
        """Close the connection if the client has sent nothing expected, or read nothing, since the last check."""
        if self._is_stalled():
            return
        awaited = None if self.transport.is_closing() else self._awaited()
        if awaited is not None and awaited is self._waited_for:
            self._give_up()
        self._waited_for = awaited
        self._watch = self.loop.call_later(self.check_seconds, self._look)

    def _stop(self) -> None:
        """Close the connection if its client does not read while the gateway stops."""
        if self._is_stalled():
            return
        self._watch = self.loop.call_later(STOP_CHECK_SECONDS, self._stop)

    def _is_stalled(self) -> bool:
        """Abort the connection if nothing of an answer was read since the last check; return whether it was aborted."""
        unread = self.transport.get_write_buffer_size()
        # The size alone is not enough: of a long answer, another piece may have the same number of unread bytes.
        left, before = (unread, self.cycle.expected_content_length if self.cycle else 0), self._unread
        self._unread = left
        if unread and left == before:
            self.transport.abort()
            return True
        return False

    def _awaited(self) -> object:
        """Return an object that identifies what the connection waits for: the rest of this request, or the next one.

        None if it waits for nothing from the client.
        """
        if self.flow.read_paused or self._refusal is not None:  # the gateway does not read, or ignores what it reads
            return None
        if not self._has_head() or self.cycle.more_body:
            return self.scope
        return self.cycle if self.cycle.response_complete else None

    def _has_begun(self) -> bool:
        return "type" in self.scope  # set at the first byte of the first request

    def _give_up(self) -> None:
        if self._now and not (self._has_head() and self.cycle.response_complete):
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()
