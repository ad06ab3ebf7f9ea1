"""A client's connection, with what uvicorn's has not: limits on how large the head of a request may be and on how long
a client may keep us waiting, and answers that leave in one piece.

uvicorn reads HTTP with httptools. That takes a head of any size (`h11_max_incomplete_event_size` is for uvicorn's other
parser), and a request that never ends holds its connection for ever. Here a look at each connection every
`PATIENCE_SECONDS` ends that; a request in time pays nothing for it. The same look finds connections nobody uses any
longer: uvicorn sets a timer after each answer and clears it before the next, 2 to 3 % of what a heartbeat costs.
"""

import asyncio
import logging
from collections.abc import Iterable, MutableMapping
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from registry_gateway.exchange import WHOLE

MAX_HEAD_BYTES = 32_768
"""Most bytes in the path, query and headers of a request. The longest token that is accepted has 16,384."""

PATIENCE_SECONDS = 20.0
"""What a client keeps us waiting for at two looks, this far apart, is not waited for any longer: the rest of a request,
or the next one. Longer than clients keep a connection without a request (httpx 5 s, aiohttp 15 s), so that it is they
who close it, and no request meets a connection that is just being closed.
"""

STOP_PATIENCE_SECONDS = 1.0
"""The same, once the gateway stops, for a client that reads nothing of its answer."""

COPIED_BYTES = 16_384
"""Most bytes of a body that are copied behind its head; with more, a list of two costs less than the copy."""

_HANDSHAKE = b"\x16"
"""What TLS begins with (RFC 8446, 5.1: a record of the type handshake), and no method of HTTP."""

log = logging.getLogger("registry_gateway.connection")


class Connection(HttpToolsProtocol):
    """uvicorn's connection, watched. It refuses in plain text, as uvicorn does what is no HTTP."""

    patience: ClassVar[float] = PATIENCE_SECONDS

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Start to watch."""
        super().connection_made(transport)
        self._extensions: dict[str, Any] = {WHOLE: self._write_whole}
        no_request_yet: Any = {}
        self.scope = no_request_yet  # a client that sends nothing is waited for like one that sends half a head
        self._partial: object = None
        self._first = self._earlier = self._now = 0
        self._too_large = False
        self._waited_for: object = None
        self._unread = 0
        self._watch = self.loop.call_later(self.patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to watch."""
        self._watch.cancel()
        self._extensions.clear()  # or only the garbage collector would find what refers to itself in there
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish what is being answered, if its reader lets us."""
        super().shutdown()
        self._watch.cancel()
        self._stop()

    # --- at once

    def _write_whole(
        self, scope: MutableMapping[str, Any], status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> bool:
        """Write a whole answer, head and body, and end the request; tell whether that could be done.

        It could not where there is more to do than to write: the client reads too slowly, has gone, or has sent the
        next request already; or uvicorn is to log requests. See `exchange.WHOLE`.
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

    # --- how large

    def data_received(self, data: bytes) -> None:
        """Read on; refuse a head that is too large before its end, too, so that it takes no memory."""
        self._now = len(data)
        if data.startswith(_HANDSHAKE) and not self._has_begun():
            self._refuse_tls()
            return
        super().data_received(data)
        if self._has_head():
            self._earlier = 0
        elif self.scope is not self._partial:
            self._partial, self._first, self._earlier = self.scope, len(data), len(data)
        else:
            # Where in the first piece it begins is not known: that is not counted, and at most 256 KiB.
            self._earlier += len(data)
            if self._earlier - self._first > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """Go on to the body, or refuse a head that is too large. Added up only if so much has come."""
        if self._earlier + self._now > MAX_HEAD_BYTES:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > MAX_HEAD_BYTES:
                self._too_large = True
                raise ValueError("the head is too large")  # stops the parser, which has send_400_response called
        self.scope["extensions"] = self._extensions
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with what could not be parsed."""
        if self._too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

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

    def on_response_complete(self) -> None:
        """Go on with the next request, if it is here already. No timer for the case that none comes: see `_look`."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

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
        """Look for readers who hold up the stop; for requests that still arrive uvicorn has a patience of its own."""
        if not self._stands_still():
            self._watch = self.loop.call_later(STOP_PATIENCE_SECONDS, self._stop)

    def _stands_still(self) -> bool:
        """Drop a client who has read nothing of its answer since the last look, and tell whether it was one."""
        unread, before = self.transport.get_write_buffer_size(), self._unread
        self._unread = unread
        if unread and unread == before:
            self.transport.abort()
            return True
        return False

    def _awaited(self) -> object:
        """Return what stands for what the client has to send: the rest of this request, or another after that one.

        None if nothing is waited for.
        """
        if self.flow.read_paused:  # it is we who don't read
            return None
        if not self._has_head() or self.cycle.more_body:
            return self.scope
        return self.cycle if self.cycle.response_complete else None

    def _has_begun(self) -> bool:
        return "type" in self.scope  # set at the first byte of the first request

    def _has_head(self) -> bool:
        return "method" in self.scope  # where uvicorn puts it last

    def _give_up(self) -> None:
        answering = self._has_head() and self.cycle.response_started
        if self._now and not answering:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        content = status.phrase
        self.transport.write(
            f"HTTP/1.1 {status.value} {content}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(content)}\r\nconnection: close\r\n\r\n{content}".encode()
        )
        self.transport.close()
