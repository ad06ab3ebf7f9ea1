"""Taking over what another registry lists: a dialect reads the list, the core registers what is on it.

So that services need no restart when the address they register at comes to lead here: whoever is known here already
is answered as one that is alive.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from registry_gateway.core.commands import Advertise, Register
from registry_gateway.core.errors import AlreadyRegistered
from registry_gateway.core.model import Actor
from registry_gateway.http.body import parse, utf8
from registry_gateway.http.decode_errors import REFUSED, detail
from registry_gateway.registry.registry import Registry

Own = TypeVar("Own", bound=msgspec.Struct)
"""The struct of a dialect's settings."""

T = TypeVar("T")

MOST_SERVICES = 500_000
"""Most services of a list that is taken over."""

MOST_COMMAS = 8_000_000
"""Most commas in such a list, a dozen for each service. Each may end an entry, and an entry of one byte takes 70 in
memory.
"""


class NotAListing(Exception):
    """What came is not what such a registry lists. The message says what it is instead."""


class Foreign(NamedTuple):
    """A service of another registry as commands: to register it, and to post its tools if it has some."""

    register: Register
    advertise: Advertise | None = None


class Listing(NamedTuple):
    """What another registry lists: the services, and those that can't be taken over, each with its id and why."""

    services: Sequence[Foreign]
    refused: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Importer(Generic[Own]):
    """How a dialect takes over from another registry of its kind.

    Attributes:
        path: What to GET there; its query too, if it needs one.
        key_header: The header a key is sent in, if that registry asks for one.
        read: Returns what is listed, from the body of the answer, the dialect's settings, and who imports. Raises
            NotAListing.
    """

    path: str
    key_header: str
    read: Callable[[bytes, Own, Actor], Listing]


class Imported(msgspec.Struct, frozen=True):
    """What became of a service: `imported`, `skipped` because it is registered here, or `refused`, with why."""

    key: str
    outcome: Literal["imported", "skipped", "refused"]
    reason: str | None = None


def read_each(entries: Sequence[msgspec.Raw], id_member: str, read: Callable[[bytes], Foreign]) -> Listing:
    """Return a list of which each entry is read by itself, so that a bad one costs no other.

    `id_member` is the member a bad one's id is looked for in; one without is called by its place.

    Raises:
        NotAListing: There are more than `MOST_SERVICES`.
    """
    if len(entries) > MOST_SERVICES:
        raise NotAListing(f"it lists more than {MOST_SERVICES} services")
    services, refused = [], []
    for place, entry in enumerate(entries, start=1):
        try:
            services.append(read(bytes(entry)))
        except REFUSED as error:
            refused.append((_id(entry, id_member) or f"entry {place}", _flaw(error)))
    return Listing(services, refused)


def _id(entry: msgspec.Raw, member: str) -> str | None:
    try:
        value = msgspec.json.decode(entry, type=dict[str, Any]).get(member)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def _flaw(error: Exception) -> str:
    flaw = detail(error)
    where = ".".join(str(step) for step in flaw["loc"][1:])
    return f"{where}: {flaw['msg']}" if where else str(flaw["msg"])


def entries(body: bytes, kind: type[T]) -> T:
    """Return the list in a body.

    Raises:
        NotAListing: It is none.
    """
    if body.count(b",") > MOST_COMMAS:
        raise NotAListing(f"it has more than {MOST_COMMAS} commas, as no list of {MOST_SERVICES} services does")
    try:
        return parse(utf8(body), msgspec.json.Decoder(kind))
    except msgspec.ValidationError as error:
        raise NotAListing(f"it has another shape: {str(error)[:1].lower()}{str(error)[1:]}") from None
    except msgspec.DecodeError:
        raise NotAListing("it is no JSON") from None


async def take_over(registry: Registry, listing: Listing, *, dry: bool) -> list[Imported]:
    """Register what is listed, each with a full lease from now, in the order of the list; return what became of each.

    Whatever is registered here, alive or kept, stays as it is: it has been here, and the list may be older. With
    `dry` nothing is changed.

    Raises:
        StoreUnavailable: The database has gone; what was imported before stays.
    """
    done = [await _take_over(registry, service, dry=dry) for service in listing.services]
    return done + [Imported(key, "refused", reason) for key, reason in listing.refused]


async def _take_over(registry: Registry, service: Foreign, *, dry: bool) -> Imported:
    command = service.register
    found = await registry.find(command.dialect, command.key)
    if found is not None:
        return Imported(command.key, "skipped", "it is registered here" + ("" if found.alive else ", and inactive"))
    if dry:
        return Imported(command.key, "imported")
    try:
        await registry.register(msgspec.structs.replace(command, mode="create"))
    except AlreadyRegistered:  # by itself in the meantime, or it is twice on the list
        return Imported(command.key, "skipped", "it is registered here")
    if service.advertise is not None:
        await registry.advertise(service.advertise)
    return Imported(command.key, "imported")
