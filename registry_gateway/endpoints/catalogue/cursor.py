"""Cursors: the position of the last row of a page, encoded. They contain nothing that is not in the page."""

import base64
import binascii
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from registry_gateway.http.decode_errors import NO_NUL, LongText
from registry_gateway.http.problem_details import Refused, bad_parameter

Place = tuple[str | float, ...]

_Text = Annotated[LongText, Meta(pattern=NO_NUL)]
_Rank = Annotated[int, Meta(ge=0, le=9)]
_Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]

_PLACES: dict[str, "msgspec.json.Decoder[Any]"] = {
    order: msgspec.json.Decoder(tuple[_Text, *place])  # type: ignore[valid-type] # made at run time
    for order, place in {
        "key": (_Text, _Text),
        "name": (_Text, _Text, _Text),
        "status": (_Rank, _Text, _Text),
        "urgency": (_Rank, _Text, _Text),
        "registered_at": (float, _Text, _Text),
        "last_seen": (float, _Text, _Text),
        "ended_at": (float, _Text, _Text),
        "id": (_Id,),
    }.items()
}


def encode(kind: str, place: Place | None) -> str | None:
    """Return the cursor for a position in a list of that kind; None at the end of the list."""
    if place is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode([kind, *place])).decode().rstrip("=")


def decode(kind: str, order: str, cursor: str | None) -> Place | None:
    """Return the position of a cursor; None if there is no cursor.

    Args:
        kind: Identifies the list. A cursor of another list is refused.
        order: The order of the list.
        cursor: The cursor from the request, not validated yet.

    Raises:
        Refused: 400: it is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        found: tuple[Any, ...] = _PLACES[order].decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _bad() from None
    if found[0] != kind:
        raise _bad()
    return found[1:]


def _bad() -> Refused:
    return bad_parameter("cursor", "It is not `next` of a page of this list in this order; start without one")
