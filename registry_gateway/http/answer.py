"""The answer to a request, as an adapter's handlers return it: see `routing`.

Starlette's own Response costs more than a heartbeat does. An adapter is free to use it instead.
"""

from collections.abc import Mapping, Sequence

import msgspec
from starlette.types import Scope, Send

from registry_gateway.http.rendered import Rendered
from registry_gateway.observability.masking import masked
from registry_gateway.registry.pacing import paced

NOSNIFF = (b"x-content-type-options", b"nosniff")
"""Header of what a browser may be shown: whatever a service has registered, the answer is what its type says."""

WHOLE = "registry_gateway.whole"
"""ASGI extension: a function (scope, status, headers, body) -> bool that writes an answer at once and ends the
request, or returns False and does nothing. Our `connection.Connection` offers it. A server that takes an answer in two
messages looks at each header of each for what it may mean, and a short answer costs two system calls and two packets.
"""

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
        """Take the body as bytes; an empty one has no media type, and no length where HTTP forbids one."""
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
        """Send it: whole, where the server takes that, else in ASGI's two messages."""
        write_whole = scope.get("extensions", {}).get(WHOLE)
        if write_whole is not None and write_whole(scope, self.status, self.headers, self.body):
            return
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})

    def mask(self) -> None:
        """Mask the tokens in the body: an error may repeat a path or a name that a token was sent as."""
        body = masked(self.body.decode("latin-1")).encode("latin-1")
        if body != self.body:
            self.body = body
            length = (b"content-length", b"%d" % len(body))
            self.headers = [length if name == length[0] else (name, value) for name, value in self.headers]


def json_answer(status: int, content: object, headers: Mapping[str, str] | None = None) -> Answer:
    """Return `content` as a JSON answer."""
    return Answer(status, _encode(content), headers=headers)


class Long(Answer):
    """A response whose body leaves in pieces, as fast as the client reads: others are answered meanwhile, and a slow
    client costs no memory.
    """

    __slots__ = ("_pieces",)

    def __init__(
        self, pieces: Sequence[bytes], media_type: bytes = b"application/json", headers: Mapping[str, str] | None = None
    ) -> None:
        """Take the pieces; the status is 200."""
        super().__init__(200, headers=headers)
        length = b"%d" % sum(map(len, pieces))
        self.headers[:1] = [(b"content-length", length), (b"content-type", media_type)]
        self._pieces = pieces

    async def send(self, scope: Scope, send: Send) -> None:  # noqa: ARG002 - as `Answer` has it
        """Send it."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        async for piece in paced(self._pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def body_answer(
    rendered: Rendered, media_type: bytes = b"application/json", headers: Mapping[str, str] | None = None
) -> Answer:
    """Return 200 with a body, whole or in pieces."""
    if len(rendered.pieces) > 1:
        return Long(rendered.pieces, media_type, headers)
    return Answer(200, rendered.pieces[0], media_type, headers)
