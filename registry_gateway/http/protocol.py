"""A client's connection, with what uvicorn's has not: limits on how much of a request it takes, on how many requests
wait, and on how long a client may keep us waiting.

uvicorn reads HTTP with httptools. That takes a head of any size (`h11_max_incomplete_event_size` is for uvicorn's other
parser), parses all that was received at once, and adds trailers to the headers. A request that never ends holds its
connection for ever. Here a look at each connection every `PATIENCE_SECONDS` ends that; a request in time pays nothing
for it. The same look finds connections that are idle: uvicorn sets a timer after each answer and clears it
before the next, 2 to 3 % of what a heartbeat costs.
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
"""Most bytes in the path, query and headers of a request. The longest token that is accepted has 16,384."""

MAX_TRAILER_BYTES = 32_768
"""Most bytes in the trailers of a chunked body, and in anything else that is neither head nor body."""

PIECE_BYTES = 512
"""Bytes that are parsed at a time where many requests may be among them. The shortest request has 18."""

MAX_LINES = 64
"""Most lines in what is parsed at a time if it is longer. A request has two or more."""

MAX_WAITING = 4
"""Requests waiting behind the one being answered, from which on no further piece is parsed. One piece may add 28."""

PATIENCE_SECONDS = 20.0
"""What a client keeps us waiting for at two looks, this far apart, is not waited for any longer: the rest of a request,
or the next one. Longer than clients keep a connection without a request (httpx 5 s, aiohttp 15 s), so that it is they
who close it, and no request meets a connection that is just being closed.
"""

STOP_PATIENCE_SECONDS = 1.0
"""The same, once the gateway stops, for a client that reads nothing of its answer."""

STOPPING = "registry_gateway.stopping"
"""Key of the lifespan's state: what a connection calls when the server begins to stop. It may be called many times."""

_HANDSHAKE = b"\x16"
"""What TLS begins with (RFC 8446, 5.1: a record of the type handshake), and no method of HTTP."""

log = logging.getLogger("registry_gateway.connection")


class _TooLargeError(ValueError):
    """Stops the parser, which has `send_400_response` called."""


class _Flow(FlowControl):
    """uvicorn's flow control, which reads on whenever an answer ends or a body is asked for.

    `full` stops that while received bytes wait to be parsed.
    """

    full = False

    def resume_reading(self) -> None:
        """Read on, unless it is full."""
        if self.read_paused and not self.full:
            super().resume_reading()


class _Trailers(list[tuple[bytes, bytes]]):
    """Takes the place of the headers while trailers arrive. Counts the fields and keeps none."""

    size = 0

    def append(self, field: tuple[bytes, bytes]) -> None:
        """Count a field, with its colon, space and line end."""
        self.size += len(field[0]) + len(field[1]) + 4
        if self.size > MAX_TRAILER_BYTES:
            raise _TooLargeError


class Connection(Answering):
    """uvicorn's connection, watched. It refuses in plain text, as uvicorn does what is no HTTP."""

    patience: ClassVar[float] = PATIENCE_SECONDS
    flow: _Flow

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Start to watch."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        if self.client is not None:
            self.client = (unmapped(self.client[0]), self.client[1])
        self._unparsed = b""
        self._now = 0
        self._unplaced = 0
        self._waited_for: object = None
        self._unread: tuple[int, int] | None = None
        self._watch = self.loop.call_later(self.patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to watch."""
        self._watch.cancel()
        self._unparsed = b""
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish what is being answered, if its reader lets us, and what arrives in time."""
        if STOPPING in self.app_state:
            self.app_state[STOPPING]()  # ASGI tells the application only when all requests have ended
        super().shutdown()
        self._watch.cancel()
        self._stop()

    # --- how much

    def data_received(self, data: bytes) -> None:
        """Parse what came. Refuse a head that does not end, or what is neither head nor body, while it is small.

        What counts of a head is known at its end: names and values, without what stands between them.
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
        """Parse further requests, too, now that there is room."""
        super()._answer_next()
        if self._unparsed:
            self._parse_in_pieces(self._unparsed)

    def _parse_in_pieces(self, data: bytes) -> None:
        """Parse until too many requests wait, and keep the rest. Nothing more is read before it is parsed."""
        self._unparsed, parsed = b"", 0
        while parsed < len(data) and len(self.pipeline) < MAX_WAITING and not self._is_deaf():
            self.data_received(data[parsed : parsed + PIECE_BYTES])
            parsed += PIECE_BYTES
        self._unparsed = b"" if self._is_deaf() else data[parsed:]
        self.flow.full = bool(self._unparsed)
        if self.flow.full:
            self.flow.pause_reading()
        elif not self.pipeline:
            self.flow.resume_reading()

    def on_headers_complete(self) -> None:
        """Go on to the body, or refuse a head that is too large. Added up only if so much has come."""
        if self._unplaced + self._now > MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                raise _TooLargeError
        self._unplaced = 0
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Keep trailers, which may follow, out of the headers. Called in chunked bodies only."""
        self.headers = _Trailers()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body for the application. As uvicorn does, but for upgrades: there are no web sockets."""
        self._unplaced = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Tell the application that this was all."""
        self._unplaced = 0
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with what could not be parsed."""
        error = sys.exception()  # the parser's; what stopped it is its context
        if error is not None and isinstance(error.__context__, _TooLargeError):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _refuse_size(self) -> None:
        if not self._is_deaf():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _refuse_tls(self) -> None:
        """Say what came. The answer is plain text: TLS clients call that a "wrong version number", which can be
        looked up; an alert of TLS's own would look like a matter of versions or ciphers.
        """
        client = self.client[0] if self.client else None
        log.warning(
            "TLS spoken to a plain HTTP port: give the client an http:// URL, or serve with --ssl-certfile",
            extra={"client": client},
        )
        self._refuse(HTTPStatus.BAD_REQUEST)

    # --- how long

    def _look(self) -> None:
        """Drop a client we have been waiting for since the last look, or who has read nothing of its answer since."""
        if self._stands_still():
            return
        awaited = None if self.transport.is_closing() else self._awaited()
        if awaited is not None and awaited is self._waited_for:
            self._give_up()
        self._waited_for = awaited
        self._watch = self.loop.call_later(self.patience, self._look)

    def _stop(self) -> None:
        """Look for readers who hold up the stop; requests that still arrive are answered in the server's time."""
        if self._stands_still():
            return
        self._watch = self.loop.call_later(STOP_PATIENCE_SECONDS, self._stop)

    def _stands_still(self) -> bool:
        """Drop a client who has read nothing of its answer since the last look, and tell whether it was one."""
        unread = self.transport.get_write_buffer_size()
        # A long answer is handed over in pieces: as much may be unread as before, of another piece.
        left, before = (unread, self.cycle.expected_content_length if self.cycle else 0), self._unread
        self._unread = left
        if unread and left == before:
            self.transport.abort()
            return True
        return False

    def _awaited(self) -> object:
        """Return what stands for what the client has to send: the rest of this request, or another after that one.

        None if nothing is waited for.
        """
        if self.flow.read_paused or self._refusal is not None:  # it is we who don't read, or don't care
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
