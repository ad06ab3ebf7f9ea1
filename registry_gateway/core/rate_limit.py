"""The rate limit on changes. Pure: commands and times are arguments. Heartbeats and reads are not limited."""

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Hashable
from math import ceil

import msgspec

from registry_gateway.core.commands import Advertise, Deregister, Register
from registry_gateway.core.model import ANONYMOUS, Actor

MOST_BUCKETS = 10_000
"""Maximum number of buckets kept. Beyond it the least recently used is dropped, and counts as full."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"([1-9][0-9]{0,5})(?:/([smh]))?")
_ROUNDING = 1e-6
"""Tolerance in seconds for rounding of epoch times, so that it never causes a wait."""

Change = Register | Advertise | Deregister
"""The commands that are limited."""

NEWCOMER_FACTOR = 20
"""First registrations that a caller may make beyond its rate, as a multiple of the rate's count."""


class Rate(msgspec.Struct, frozen=True):
    """`count` changes per `period` seconds. `count` is also the size of a burst."""

    count: int
    period: float


SERVICE_RATE = Rate(3, 15.0)
"""The rate that each service always has, however busy its caller: enough to leave, register and post its tools.

Clients treat a refused registration as final, and after a deployment or an outage a whole fleet with one shared key
registers again at once. The rate is about that of heartbeats.
"""


def parse(written: str) -> Rate:
    """Return the rate written as `10/s`, `600/m`, `5000/h`, or `600` for 600 per minute.

    Raises:
        ValueError: It is written otherwise; the message states the format.
    """
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        raise ValueError(f"must be such as 10/s, 600/m, 5000/h or 600 (per minute), not {written!r}")
    return Rate(int(found[1]), _UNITS[found[2] or "m"])


class Buckets:
    """Token buckets by name. Each is stored as one number: the time at which it will be full."""

    def __init__(self, rate: Rate, most: int = MOST_BUCKETS) -> None:
        """`most` is the maximum number of buckets kept."""
        self._period = rate.period
        self._token = rate.period / rate.count
        self._most = most
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()  # in order of use

    def __len__(self) -> int:
        """Return the number of buckets kept."""
        return len(self._full_at)

    def take(self, name: Hashable, now: float, size: int = 0) -> float:
        """Take a token at `now` and return 0, or return the seconds until there is one.

        `size` raises the capacity of the bucket above the rate's count, not the rate at which it fills.
        """
        to_fill = max(self._period, size * self._token)
        # At most the time to fill an empty bucket, even if the clock was set back.
        full_at = min(max(self._full_at.pop(name, now), now), now + to_fill)
        self._make_room(now)
        wait = full_at + self._token - to_fill - now
        if wait > _ROUNDING:
            self._full_at[name] = full_at
            return wait
        self._full_at[name] = full_at + self._token
        return 0.0

    def full_at(self, name: Hashable, now: float) -> float:
        """Return when the bucket will be full; `now` if it is full."""
        return self._full_at.get(name, now)

    def _make_room(self, now: float) -> None:
        """Drop full buckets among the least recently used, and one more if the limit is reached."""
        while self._full_at:
            name, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) < self._most:
                return
            del self._full_at[name]


class Newcomers:
    """First registrations beyond a caller's rate: as many as the caller has registered, and at least
    `NEWCOMER_FACTOR` times the rate's count.

    A caller's registrations are counted when it exceeds its rate. The count is kept until the allowance is restored and
    the rate was not exceeded for a period, so that registrations made meanwhile do not raise the allowance.
    """

    def __init__(self, rate: Rate, most: int = MOST_BUCKETS) -> None:
        """`most` is the maximum number of callers kept."""
        self._rate = rate
        self._most = most
        self._taken = Buckets(Rate(NEWCOMER_FACTOR * rate.count, rate.period), most)
        self._had: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()  # count, and a period after the last excess

    def __len__(self) -> int:
        """Return the number of callers kept."""
        return len(self._had)

    def counted(self, name: Hashable, now: float) -> bool:
        """Tell whether there is a count for a caller that exceeds its rate at `now`."""
        had, until = self._had.get(name, (0, now))
        if max(until, self._taken.full_at(name, now)) <= now:
            return False
        self._keep(name, had, now)
        return True

    def count(self, name: Hashable, registrations: int, now: float) -> None:
        """Store the number of a caller's registrations at `now`, plus those it ended within its rate."""
        self._keep(name, registrations + self._rate.count, now)

    def _keep(self, name: Hashable, had: int, now: float) -> None:
        self._had[name] = had, now + self._rate.period
        self._had.move_to_end(name)
        if len(self._had) > self._most:
            self._had.popitem(last=False)

    def take(self, name: Hashable, now: float) -> float:
        """Take a first registration at `now` and return 0, or return the seconds until one is allowed."""
        had, _ = self._had.get(name, (0, now))
        return self._taken.take(name, now, had)


class Limit:
    """The rate limit: a bucket for each caller, and a small one for each service of a caller."""

    def __init__(self, rate: Rate) -> None:
        self._callers = Buckets(rate)
        self._services = Buckets(SERVICE_RATE)
        self.newcomers = Newcomers(rate)

    def wait(self, command: Change, now: float) -> float | None:
        """Return 0 if `command` is within its caller's rate at `now`, else the seconds until it is.

        Returns None if it exceeds that rate but is within the rate of its service: it is allowed unless it is a first
        registration, which must be taken from `newcomers`. The service's bucket is used only in this case.
        """
        who = caller(command.actor)
        wait = self._callers.take(who, now)
        if not wait:
            return 0.0
        service = hash((who, command.dialect, command.key))  # the key itself may be long
        return min(wait, self._services.take(service, now)) or None


def caller(actor: Actor) -> str:
    """Return the name of an actor's bucket: its credential, or its address if it is anonymous.

    IPv6 addresses count by their first 64 bits, because a client usually has a whole /64 network.
    """
    if actor.name != ANONYMOUS:
        return actor.name
    try:
        address = ipaddress.ip_address(actor.client_address or "")
    except ValueError:
        return f"{ANONYMOUS} {actor.client_address}"
    if isinstance(address, ipaddress.IPv6Address):
        return f"{ANONYMOUS} {ipaddress.IPv6Network((int(address), 64), strict=False)}"
    return f"{ANONYMOUS} {address}"


def retry_after(seconds: float) -> int:
    """Return `seconds` as a Retry-After value: rounded up, at least 1."""
    return max(1, ceil(seconds))
