"""The body of a lease."""

import msgspec


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """A lease. Times are epoch seconds, `ttl` is seconds. `alive` is false once it has ended."""

    alive: bool
    ttl: float
    granted_at: float
    heartbeat_at: float | None
    last_seen: float
    expires_at: float
