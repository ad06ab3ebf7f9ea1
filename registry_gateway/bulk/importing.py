"""Import from another registry: a dialect reads the list, the core registers the services on it.

Services then need no restart when the address they register at is moved to this gateway: their heartbeats are
accepted because they are registered here already.
"""

from collections.abc import Awaitable, Callable, Sequence
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
"""Most services in a list that is imported."""

MOST_COMMAS = 8_000_000
"""Most commas in such a list, about 16 for each service. Each may separate two entries, and an entry of one byte takes
70 bytes of memory.
"""


class NotAListing(Exception):
    """The body is not a list of services of the expected registry. The message says why."""


class Foreign(NamedTuple):
    """A service of another registry as commands: to register it and, if it has tools, to post them."""

    register: Register
    advertise: Advertise | None = None


class Listing(NamedTuple):
    """The list of another registry: its services, and those that can't be imported, each as its id and the reason."""

    services: Sequence[Foreign]
    refused: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Importer(Generic[Own]):
    """How a dialect imports from another registry that speaks the dialect.

    Attributes:
        path: Path of the list in that registry, with its query if it needs one.
        key_header: Name of the header for a key, if that registry requires one.
        read: Returns the list, given the body of the answer, the dialect's settings, and the actor that the events
            name. Raises NotAListing.
    """

    path: str
    key_header: str
    read: Callable[[bytes, Own, Actor], Listing]


@dataclass(frozen=True)
class StoreImporter(Generic[Own]):
    """How a dialect imports from the store that another registry keeps its services in.

    Attributes:
        check: Checks a URL of the store. Raises ValueError, whose message is one line that does not repeat the URL.
        read: Returns the list, given the URL, a password (None: that of the URL, if any), the dialect's settings, and
            the actor that the events name. It limits its time. Raises Unreachable and NotAListing, with the reason.
    """

    check: Callable[[str], None]
    read: Callable[[str, str | None, Own, Actor], Awaitable[Listing]]


class Imported(msgspec.Struct, frozen=True):
    """The outcome for a service: `imported`, `skipped` (it is registered here), or `refused`, with the reason."""

    key: str
    outcome: Literal["imported", "skipped", "refused"]
    reason: str | None = None


def read_each(entries: Sequence[msgspec.Raw], id_member: str, read: Callable[[bytes], Foreign]) -> Listing:
    """Return the list, with each entry read separately: an invalid entry is refused and does not affect the others.

    `id_member` is the member with an entry's id. A refused entry without an id is named by its position.

    Raises:
        NotAListing: There are more than `MOST_SERVICES` entries.
    """
    if len(entries) > MOST_SERVICES:
        raise NotAListing(f"it lists more than {MOST_SERVICES} services")
    services, refused = [], []
    for place, entry in enumerate(entries, start=1):
        try:
            services.append(read(bytes(entry)))
        except REFUSED as error:
            refused.append((_id(entry, id_member) or f"entry {place}", flaw(error)))
    return Listing(services, refused)


def _id(entry: msgspec.Raw, member: str) -> str | None:
    try:
        value = msgspec.json.decode(entry, type=dict[str, Any]).get(member)
    except (msgspec.DecodeError, RecursionError):
        return None
    return value if isinstance(value, str) else None


def flaw(error: Exception) -> str:
    """Return what is wrong with an entry, given one of `REFUSED` that its reading raised."""
    found = detail(error)
    where = ".".join(str(step) for step in found["loc"][1:])
    return f"{where}: {found['msg']}" if where else str(found["msg"])


def entries(body: bytes, kind: type[T]) -> T:
    """Return the list in a body, decoded as `kind`. The body is JSON in UTF-8, UTF-16 or UTF-32.

    Raises:
        NotAListing: The body is not such a list.
    """
    if body.count(b",") > MOST_COMMAS:
        raise NotAListing(f"it has more than {MOST_COMMAS} commas, too many for a list of {MOST_SERVICES} services")
    try:
        return parse(utf8(body), msgspec.json.Decoder(kind))
    except msgspec.ValidationError as error:
        raise NotAListing(f"it has another shape: {str(error)[:1].lower()}{str(error)[1:]}") from None
    except msgspec.DecodeError:
        raise NotAListing("it is not JSON") from None


async def take_over(registry: Registry, listing: Listing, *, dry: bool) -> list[Imported]:
    """Register the listed services in order, each with a full lease from now, and return the outcome for each.

    Services that are registered here, alive or kept, are not changed, because the list may be older. With `dry`
    nothing is changed.

    Raises:
        StoreUnavailable: The database can't be reached. Services imported before remain.
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
    except AlreadyRegistered:  # the service registered itself meanwhile, or the list has it twice
        return Imported(command.key, "skipped", "it is registered here")
    if service.advertise is not None:
        await registry.advertise(service.advertise)
    return Imported(command.key, "imported")
