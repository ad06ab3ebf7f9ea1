"""What the answers of a gateway mean for a registration. No input or output."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from registry_gateway.client.brief import brief
from registry_gateway.client.retry_after import retry_after

_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that a repetition may change."""


class NotAccepted(Exception):
    """A request had no success. The message is the reason in one line.

    Attributes:
        refused: Whether a repetition succeeds only after a correction, such as of a key or a document.
        not_sent: Whether the gateway certainly did not get the request.
        retry_after: The seconds of `Retry-After`; None if there is none.
    """

    def __init__(
        self, message: str, *, refused: bool = False, not_sent: bool = False, retry_after: float | None = None
    ) -> None:
        """For the arguments see the attributes."""
        super().__init__(message)
        self.refused = refused
        self.not_sent = not_sent
        self.retry_after = retry_after


@dataclass(frozen=True)
class Answer:
    """An answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON object in it; empty if there is none."""
        try:
            found = msgspec.json.decode(self.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def ok(self) -> bool:
        """Whether the request was successful."""
        return 200 <= self.status < 300

    def check(self, what: str) -> None:
        """Check that it is a success, and not a page in HTML. `what` is the request in words.

        A web site may answer every path with 200 and a page.

        Raises:
            NotAccepted: It is not.
        """
        if not self.ok:
            raise self.failure(what)
        if self.content.lstrip().startswith(b"<"):
            problem = f"another server answers {self.status} with a web page; is the URL right?"
            raise NotAccepted(f"{what}: {problem}", refused=True)

    def failure(self, what: str) -> NotAccepted:
        """Return the error for an answer that is no success. `what` is the request in words."""
        refused = self.status < 500 and self.status not in _PASSING
        reason = f"{what}: the gateway answers {self.status}{self._words()}"
        return NotAccepted(reason, refused=refused, retry_after=retry_after(self.headers))

    def _words(self) -> str:
        if 300 <= self.status < 400:
            return f", a redirect to {brief(self.headers.get('location', '?'))}; use the URL that it leads to"
        match self.body:
            case {"detail": str(detail)} | {"error": {"message": str(detail)}}:
                return f": {brief(detail)}"
            case {"detail": [{"loc": list(loc), "msg": str(message)}, *_]}:
                return f": {brief('.'.join(map(str, loc)))}: {brief(message)}"
        return "; is the URL right?" if self.status == 404 else ""
