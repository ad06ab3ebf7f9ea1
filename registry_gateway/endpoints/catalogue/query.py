"""The queries of the catalogue: what the parameters of each endpoint are called, take and mean."""

from collections.abc import Sequence
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import UNSET, Meta, UnsetType

from registry_gateway.core.status import REGISTERED, Status
from registry_gateway.http.decode_errors import Text, parted
from registry_gateway.http.operation import Parameter
from registry_gateway.http.problem_details import bad_parameter
from registry_gateway.store.statements.search import Wanted

Q = TypeVar("Q", bound=msgspec.Struct)

Word = Annotated[Text, Meta(min_length=1)]

Member = Literal[
    "dialect",
    "key",
    "name",
    "version",
    "address",
    "status",
    "health",
    "reported",
    "registered_at",
    "updated_at",
    "last_seen",
    "expires_at",
    "ttl",
    "tools",
    "since",
]
"""The members of a service in a list."""

Order = Literal[
    "key",
    "-key",
    "name",
    "-name",
    "status",
    "-status",
    "registered_at",
    "-registered_at",
    "last_seen",
    "-last_seen",
]

Limit = Annotated[int, Meta(ge=1, le=1000)]
Cursor = Annotated[str, Meta(min_length=1, max_length=16_384)]
EventId = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_CURSOR = "Where to go on: `next` of the page before."


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which services are asked for."""

    dialect: Annotated[tuple[Word, ...], Meta(description="In one of these dialects, separated by commas.")] = ()
    status: Annotated[
        tuple[Status, ...],
        Meta(description="In one of these statuses, separated by commas. Default: all but gone."),
    ] = REGISTERED
    name: Annotated[Word | None, Meta(description="Of exactly this name.")] = None
    version: Annotated[Word | None, Meta(description="Of exactly this version.")] = None
    host: Annotated[Word | None, Meta(description="At an address of this host, whatever its scheme and port.")] = None
    tool: Annotated[Word | None, Meta(description="With a tool of exactly this name.")] = None
    q: Annotated[
        Text | None,
        Meta(description="With this in the key, the name or the address; upper and lower case are alike."),
    ] = None

    def wanted(self) -> Wanted:
        """Return what is looked for."""
        return Wanted(
            dialects=self.dialect,
            statuses=self.status,
            name=self.name,
            version=self.version,
            host=self.host,
            tool=self.tool,
            text=self.q or None,
        )


class Services(Filters, frozen=True, kw_only=True):
    """What `GET /catalog/v1/services` takes. Filters add up; `status` and `dialect` take several, with commas."""

    at: Annotated[
        Annotated[datetime, Meta(tz=True)] | UnsetType,
        Meta(
            description="What was alive at this instant, by the log of events: RFC 3339 with an offset, or seconds "
            "since the epoch. Not together with `status` and `tool`."
        ),
    ] = UNSET
    sort: Annotated[Order, Meta(description="Sorted by this; `-` turns it round. By `key` is by dialect and key.")] = (
        "key"
    )
    fields: Annotated[
        tuple[Member, ...], Meta(description="These members alone, separated by commas. Default: all there are.")
    ] = ()
    limit: Annotated[Limit, Meta(description="Most services on a page.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=_CURSOR)] = None


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /catalog/v1/services/{dialect}/{key}/events` takes."""

    order: Annotated[Literal["newest", "oldest"], Meta(description="Which come first.")] = "newest"
    limit: Annotated[Limit, Meta(description="Most events on a page.")] = 100
    cursor: Annotated[Cursor | None, Meta(description=_CURSOR)] = None


class Watching(Filters, frozen=True, kw_only=True):
    """What `GET /catalog/v1/events` takes."""

    last_event_id: Annotated[
        EventId | None,
        Meta(description="Where to go on: the `id` of the last message you have. The header Last-Event-ID wins."),
    ] = None


def decode(raw: bytes, query: type[Q]) -> Q:
    """Return the parameters in a query string.

    Raises:
        Refused: With 400, a parameter is unknown, comes twice, or has a value that makes no sense.
    """
    values: dict[str, Any] = {}
    hints = get_type_hints(query)
    for part in raw.decode("latin-1").split("&") if raw else ():
        encoded_name, _, encoded_value = part.partition("=")
        name = _text(encoded_name, "the name of a parameter")
        if name not in hints:
            there_are = f"there are: {', '.join(hints)}" if hints else "there is none"
            raise bad_parameter(name[:100], f"There is no such parameter; {there_are}")
        value = _text(encoded_value, name)
        if get_origin(hints[name]) is tuple:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise bad_parameter(name, "It is given more than once")
        else:
            values[name] = value
    try:
        return msgspec.convert(values, query, strict=False)
    except msgspec.ValidationError as error:
        problem, path = parted(str(error))
        name = path.removeprefix(".").partition("[")[0]
        choices = _choices(hints[name])
        there_are = f"; there are: {', '.join(choices)}" if choices else ""
        raise bad_parameter(name, f"{problem}{there_are}") from None


def parameters(query: type[msgspec.Struct]) -> tuple[Parameter, ...]:
    """Return the parameters of a query as /openapi.json has them: as what is written in a URL."""
    hints = get_type_hints(query, include_extras=True)
    return tuple(_parameter(name, *get_args(hints[name])) for name in query.__struct_fields__)


def _parameter(name: str, kind: Any, *metas: Meta) -> Parameter:
    """Return a parameter with its type in JSON Schema: without what stands for its absence, and lists as text."""
    options = [option for option in get_args(kind) if option not in (type(None), UnsetType)]
    if get_origin(kind) is tuple:
        kind = Annotated[str, Meta(pattern=_listing(_choices(kind)))]
    elif name == "at":
        kind = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    elif get_origin(kind) in (Union, UnionType):
        kind = options[0]
    *limits, described = metas
    for meta in limits:
        kind = Annotated[kind, meta]
    return Parameter(name, described.description or "", "query", kind)


def _choices(kind: Any) -> Sequence[str]:
    """Return what a value may be, or each in a list of them; nothing if it may be anything of its type."""
    one = get_args(kind)[0] if get_origin(kind) is tuple else kind
    if one is Status:
        return list(Status)
    return get_args(one) if get_origin(one) is Literal else ()


def _listing(choices: Sequence[str]) -> str:
    """Return the pattern of some of these, or of anything if there are none, separated by commas."""
    one = f"({'|'.join(choices)})" if choices else "[^,\\x00]+"
    return f"^{one}(,{one})*\\Z"


def _text(encoded: str, name: str) -> str:
    try:
        text = unquote_to_bytes(encoded.replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise bad_parameter(name, "It is not UTF-8") from None
    if "\x00" in text:
        raise bad_parameter(name, "No text here holds NUL")
    return text
