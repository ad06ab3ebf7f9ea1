"""Rendered bodies, which several answers can share. Long ones are rendered and kept in pieces."""

from collections.abc import Iterable
from hashlib import blake2b

from registry_gateway.registry.pacing import paced

PIECE_BYTES = 65_536
"""Approximate number of bytes of a long body that are joined, hashed and written at a time."""


class Rendered:
    """A body in pieces, with its entity tag.

    The tag is a hash of the body, so equal bodies have equal tags on every gateway.
    """

    __slots__ = ("etag", "pieces")

    def __init__(self, *pieces: bytes, etag: str | None = None) -> None:
        """Compute the tag, unless `etag` has it already (with its quotes)."""
        self.pieces = pieces
        self.etag = _tag(b"".join(pieces)) if etag is None else etag


async def render(parts: Iterable[bytes]) -> Rendered:
    """Return the body that consists of `parts`. Other tasks run in between (see `pacing`). Parts may be empty."""
    digest = blake2b(digest_size=12)
    pieces: list[bytes] = []
    gathered: list[bytes] = []
    size = 0

    def finish() -> None:
        pieces.append(b"".join(gathered))
        digest.update(pieces[-1])

    async for part in paced(parts):
        if part:
            gathered.append(part)
            size += len(part)
        if size >= PIECE_BYTES:
            finish()
            gathered, size = [], 0
    finish()
    return Rendered(*pieces, etag=_quoted(digest.hexdigest()))


def _tag(body: bytes) -> str:
    return _quoted(blake2b(body, digest_size=12).hexdigest())


def _quoted(digits: str) -> str:
    return f'"{digits}"'
