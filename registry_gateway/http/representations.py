"""JSON representations of leases and stored documents, for answers and exports."""

import msgspec

from registry_gateway.core.lease import Lease
from registry_gateway.http.body import EmptyBody, decode

_raw: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A lease. Times are epoch seconds, `ttl` is seconds. `alive` is false once it has ended."""

    alive: bool
    ttl: float
    granted_at: float
    heartbeat_at: float | None
    last_seen: float
    expires_at: float


def lease_view(lease: Lease, now: float) -> LeaseView:
    """Return the representation of a lease at `now` (epoch seconds)."""
    return LeaseView(
        alive=lease.alive(now),
        ttl=lease.ttl,
        granted_at=lease.granted_at,
        heartbeat_at=lease.heartbeat_at,
        last_seen=lease.last_seen,
        expires_at=lease.expires_at,
    )


def spliced(stored: bytes) -> msgspec.Raw:
    """Return stored bytes as JSON in one line. Bytes that are not JSON, from a dialect that stores other text, become a
    string.

    Line breaks in JSON are only between tokens, so they can be removed.
    """
    try:
        decode(stored, _raw)
    except (msgspec.DecodeError, EmptyBody):
        return msgspec.Raw(msgspec.json.encode(stored.decode(errors="replace")))
    return msgspec.Raw(stored.replace(b"\n", b""))
