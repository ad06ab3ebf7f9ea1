"""The answer to a request, as handlers return it (see `routing`).

Starlette's Response works too, but takes more time than a heartbeat.
"""

from collections.abc import Mapping, Sequence

import msgspec
from starlette.types import Scope, Send

from registry_gateway.http.rendered import Rendered
from registry_gateway.observability.masking import masked
from registry_gateway.registry.pacing import paced

NOSNIFF = (b"x-content-type-options", b"nosniff")
"""Header that keeps browsers from guessing a media type from content that a service has registered."""

WHOLE = "registry_gateway.whole"
"""ASGI extension: a function (scope, status, headers, body) -> bool that writes an answer at once and ends the
request, or returns False and does nothing. `protocol.Connection` provides it. It saves a system call, a packet, and the
server's inspection of each header.
"""

BREAK = "registry_gateway.break"
"""ASGI extension: a function without arguments that closes the connection at once (see `Call.break_off`)."""

_encode = msgspec.json.encode


class Answer:
    """A whole response: status, body and headers."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        media_type: bytes = b"application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Create an answer; Content-Type is set unless the body is empty, Content-Length unless `status` is 204 or 304.

        Raises:
            ValueError: The value of a header contains a control character.
        """
        self.status = status
        self.body = body
        self.headers = [] if status in (204, 304) else [(b"content-length", b"%d" % len(body))]
        if body:
            self.headers.append((b"content-type", media_type))
        if headers:
            for name, value in headers.items():
                if not value.isprintable():
                    raise ValueError(f"the value of the header {name} has control characters")
                self.headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the answer, with `WHOLE` if the server provides it, else as ASGI's two messages."""
        write_whole = scope.get("extensions", {}).get(WHOLE)
        if write_whole is not None and write_whole(scope, self.status, self.headers, self.body):
            return
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})

    def mask(self) -> None:
        """Mask tokens in the body: an error may repeat a path or a name that contains one."""
        body = masked(self.body.decode("latin-1")).encode("latin-1")
        if body != self.body:
            self.body = body
            length = (b"content-length", b"%d" % len(body))
            self.headers = [length if name == length[0] else (name, value) for name, value in self.headers]


def json_answer(status: int, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Return `content` as a JSON answer."""
    return Answer(status, _encode(content), headers=headers)


class Long(Answer):
    """A response whose body is sent in pieces, as fast as the client reads.

    Other requests are answered between the pieces, and a slow client needs no buffer.
    """

    __slots__ = ("_pieces",)

    def __init__(
        self, pieces: Sequence[bytes], media_type: bytes = b"application/json", headers: Mapping[str, str] | None = None
    ) -> None:
        """Set the status to 200, and Content-Length to the sum of the pieces."""
        super().__init__(200, headers=headers)
        length = b"%d" % sum(map(len, pieces))
        self.headers[:1] = [(b"content-length", length), (b"content-type", media_type)]
        self._pieces = pieces

    async def send(self, scope: Scope, send: Send) -> None:  # noqa: ARG002 - as `Answer` has it
        """Send the answer piece by piece."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        async for piece in paced(self._pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def body_answer(
    rendered: Rendered, media_type: bytes = b"application/json", headers: Mapping[str, str] | None = None
) -> Answer:
    """Return a 200 with a body: a `Long` if the body has several pieces, else an `Answer`."""
    if len(rendered.pieces) > 1:
        return Long(rendered.pieces, media_type, headers)
    return Answer(200, rendered.pieces[0], media_type, headers)
