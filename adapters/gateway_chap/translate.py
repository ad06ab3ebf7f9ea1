"""Conversion between CHAP's bodies and the core's commands and objects. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

from gateway_chap.lax import strict
from gateway_chap.wire import InfoAsSent, PingResponse, RegisterRequest, RegisterResponse
from registry_gateway.adapter import (
    Actor,
    Deregister,
    Entry,
    Register,
    Registered,
    Registration,
    Renew,
    decode,
    importing,
)

DIALECT = "chap"
"""The dialect's name."""

ML_DEFAULTS: Mapping[str, msgspec.Raw] = {
    "min_prediction_periods": msgspec.Raw(b"0"),
    "max_prediction_periods": msgspec.Raw(b"100"),
    "allow_free_additional_continuous_covariates": msgspec.Raw(b"false"),
    "required_covariates": msgspec.Raw(b"[]"),
    "requires_geo": msgspec.Raw(b"false"),
}
"""The defaults of chapkit's MLServiceInfo."""

_ML_MEMBERS = frozenset({*ML_DEFAULTS, "model_metadata", "period_type"})
_NULLABLE = ("description", "model_metadata")
_NULL = msgspec.Raw(b"null")

_request = msgspec.json.Decoder(RegisterRequest)
_as_sent = msgspec.json.Decoder(InfoAsSent)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def register(body: bytes, ttl: float, actor: Actor) -> Register:
    """Return the command for a `$register` body; the lease has `ttl` seconds.

    Raises:
        EmptyBody, msgspec.DecodeError, Invalid: The body is not valid.
    """
    try:
        request = decode(body, _request)
    except msgspec.ValidationError:
        body = strict(body)
        request = decode(body, _request)
    info = request.info
    document = {"id": info.id, "url": request.url, "info": _completed(_as_sent.decode(body).info)}
    return Register(
        dialect=DIALECT,
        key=info.id,
        name=info.display_name,
        version=info.version,
        address=request.url,
        ttl=ttl,
        document=msgspec.json.encode(document),
        mode="replace",
        actor=actor,
    )


def renew(key: str, actor: Actor) -> Renew:
    """Return the command for a `$ping`."""
    return Renew(DIALECT, key, actor)


def deregister(key: str, actor: Actor) -> Deregister:
    """Return the command for a DELETE."""
    return Deregister(dialect=DIALECT, key=key, actor=actor)


class _Listing(msgspec.Struct):
    """The answer to GET /v2/services of any CHAP registry."""

    services: list[msgspec.Raw]


def listing(body: bytes, ttl: float, actor: Actor) -> importing.Listing:
    """Return the services in the list of another CHAP registry. Elements have the members of a `$register` body.

    Raises:
        NotAListing: The body is not an answer to GET /v2/services.
    """
    listed = importing.entries(body, _Listing).services
    return importing.read_each(listed, "id", lambda entry: importing.Foreign(register(entry, ttl, actor)))


def _completed(sent: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """Return `info` as it is answered: as sent, without documented nulls, and with the defaults of its type."""
    for member in _NULLABLE:
        if sent.get(member) == _NULL:
            del sent[member]
    sent.setdefault("version", msgspec.Raw(b'"1.0.0"'))
    if not _ML_MEMBERS.isdisjoint(sent):
        for member, default in ML_DEFAULTS.items():
            sent.setdefault(member, default)
    metadata = sent.get("model_metadata")
    if metadata is not None and b"null" in bytes(metadata):
        present = {k: v for k, v in _members.decode(metadata).items() if v != _NULL}
        sent["model_metadata"] = msgspec.Raw(msgspec.json.encode(present))
    return sent


def registered(outcome: Registered, ping_url: str) -> RegisterResponse:
    """Return the answer to `$register`."""
    registration = outcome.registration
    ttl = registration.lease.ttl
    return RegisterResponse(
        id=registration.key,
        status="registered",
        service_url=registration.address or "",
        message="Service registered successfully" if outcome.created else "Service registration updated",
        ttl_seconds=int(ttl) if ttl == int(ttl) else ttl,
        ping_url=ping_url,
    )


def renewed(registration: Registration) -> PingResponse:
    """Return the answer to a `$ping` that renewed a lease."""
    lease = registration.lease
    return PingResponse(
        id=registration.key, status="alive", last_ping_at=_iso(lease.last_seen), expires_at=_iso(lease.expires_at)
    )


def service(entry: Entry) -> bytes:
    """Return the service document: the stored members, then the times.

    As in chap-core, a registration counts as a ping, and a ping as an update, so the two times are always present and
    equal.
    """
    return entry.document[:-1] + times(entry.registration)


def times(registration: Registration) -> bytes:
    """Return the end of the service document, from the comma before the times on."""
    seen = _iso(registration.lease.last_seen)
    return (
        f',"registered_at":"{_iso(registration.registered_at)}","last_updated":"{seen}",'
        f'"last_ping_at":"{seen}","expires_at":"{_iso(registration.lease.expires_at)}"}}'
    ).encode()


def services(entries: Sequence[Entry]) -> Iterator[bytes]:
    """Yield the list of services in parts."""
    yield b'{"count":%d,"services":[' % len(entries)
    for number, entry in enumerate(entries):
        yield b"," + service(entry) if number else service(entry)
    yield b"]}"


# All heartbeats of a batch have the same time, and most the same deadline. The times of registrations are the same in
# each list: to format them takes a tenth of the time of a list of 1,000 services.
@lru_cache(maxsize=8192)
def _iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat()
