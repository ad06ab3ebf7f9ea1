"""JSON representations of leases and stored documents, for answers and exports."""

import msgspec

from registry_gateway.core.lease import Lease
from registry_gateway.http.body import EmptyBody, decode
from registry_gateway.wire.lease import LeaseView

_raw: msgspec.json.Decoder[msgspec.Raw] = msgspec.json.Decoder(msgspec.Raw)


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
