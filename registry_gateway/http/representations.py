"""How leases and stored documents are represented in JSON, in answers and in exports."""

import msgspec

from registry_gateway.core.lease import Lease
from registry_gateway.http.body import EmptyBody, decode

_raw: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A lease. It runs while `alive`."""

    alive: bool
    ttl: float
    granted_at: float
    heartbeat_at: float | None
    last_seen: float
    expires_at: float


def lease_view(lease: Lease, now: float) -> LeaseView:
    """Return a lease as it stands at `now`."""
    return LeaseView(
        alive=lease.alive(now),
        ttl=lease.ttl,
        granted_at=lease.granted_at,
        heartbeat_at=lease.heartbeat_at,
        last_seen=lease.last_seen,
        expires_at=lease.expires_at,
    )


def spliced(stored: bytes) -> msgspec.Raw:
    """Return stored bytes as JSON in one line: as they are, or, from a dialect that stores something else, as a string.

    A line break in JSON stands between tokens, so it can go.
    """
    try:
        decode(stored, _raw)
    except (msgspec.DecodeError, EmptyBody):
        return msgspec.Raw(msgspec.json.encode(stored.decode(errors="replace")))
    return msgspec.Raw(stored.replace(b"\n", b""))
