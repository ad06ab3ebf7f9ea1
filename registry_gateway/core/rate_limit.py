"""How often a caller may change something: a limit an operator can set, and what it never stands in the way of.

Pure: commands and times go in. Heartbeats and reads have no part in it.
"""

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Hashable
from math import ceil

import msgspec

from registry_gateway.core.commands import Advertise, Deregister, Register
from registry_gateway.core.model import ANONYMOUS, Actor

MOST = 10_000
"""Most buckets remembered at once. Beyond, the one used longest ago is forgotten, and counts as full."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"([1-9][0-9]{0,5})(?:/([smh]))?")
_ROUNDING = 1e-6
"""Seconds that times since 1970 may be out by without anybody having to wait for it."""

Change = Register | Advertise | Deregister
"""What is limited."""


TIMES = 20
"""First registrations that a caller may make beyond its rate, as a multiple of it."""


class Rate(msgspec.Struct, frozen=True):
    """`count` in `period` seconds: so many at once, and as many again as time passes."""

    count: int
    period: float


OWN = Rate(3, 15.0)
"""What each service may change however busy its caller is: enough to leave, register and post its tools.

Clients take a refused registration for final, and after a deployment or an outage a whole fleet with one shared key
registers again at once. This is about as often as its heartbeats come.
"""


def parse(written: str) -> Rate:
    """Return the rate written as `10/s`, `600/m`, `5000/h`, or `600` for 600 a minute.

    Raises:
        ValueError: It is written otherwise; says how it should be.
    """
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        raise ValueError(f"must be such as 10/s, 600/m, 5000/h, or 600 for so many a minute, not {written!r}")
    return Rate(int(found[1]), _UNITS[found[2] or "m"])


class Buckets:
    """A token bucket for each name. Kept of it is one number: the time at which it will be full again."""

    def __init__(self, rate: Rate, most: int = MOST) -> None:
        """Take the rate, and the most names to remember."""
        self._period = rate.period
        self._token = rate.period / rate.count
        self._most = most
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()  # the latest used last

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._full_at)

    def take(self, name: Hashable, now: float, size: int = 0) -> float:
        """Take a token at `now` and return 0, or return the seconds until there is one.

        With `size`, the bucket holds so many tokens if that is more than the rate's count. It fills no faster.
        """
        to_fill = max(self._period, size * self._token)
        # No further off than an empty bucket is, also where the clock was set back.
        full_at = min(max(self._full_at.pop(name, now), now), now + to_fill)
        self._make_room(now)
        wait = full_at + self._token - to_fill - now
        if wait > _ROUNDING:
            self._full_at[name] = full_at
            return wait
        self._full_at[name] = full_at + self._token
        return 0.0

    def full_at(self, name: Hashable, now: float) -> float:
        """Return when the bucket will be full: `now` if it is."""
        return self._full_at.get(name, now)

    def _make_room(self, now: float) -> None:
        """Drop the full ones among those used longest ago, and another one where it is needed."""
        while self._full_at:
            name, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) < self._most:
                return
            del self._full_at[name]


class Newcomers:
    """First registrations that callers may make beyond their rate: `TIMES` of it, or as many as they have registered.

    A caller's registrations are counted when it exceeds its rate. The count is kept until all of the allowance is back
    and the rate was not exceeded for a period, so that what is registered meanwhile makes no room for more.
    """

    def __init__(self, rate: Rate, most: int = MOST) -> None:
        """Take the rate, and the most callers to remember."""
        self._rate = rate
        self._most = most
        self._taken = Buckets(Rate(TIMES * rate.count, rate.period), most)
        self._had: OrderedDict[Hashable, tuple[int, float]] = OrderedDict()  # how many, and a period on

    def __len__(self) -> int:
        """Return how many callers are remembered."""
        return len(self._had)

    def counted(self, name: Hashable, now: float) -> bool:
        """Tell whether the registrations of a caller that exceeds its rate at `now` are counted."""
        had, until = self._had.get(name, (0, now))
        if max(until, self._taken.full_at(name, now)) <= now:
            return False
        self._keep(name, had, now)
        return True

    def count(self, name: Hashable, registrations: int, now: float) -> None:
        """Take how many registrations a caller has at `now`. Those it gave up within its rate are added."""
        self._keep(name, registrations + self._rate.count, now)

    def _keep(self, name: Hashable, had: int, now: float) -> None:
        self._had[name] = had, now + self._rate.period
        self._had.move_to_end(name)
        if len(self._had) > self._most:
            self._had.popitem(last=False)

    def take(self, name: Hashable, now: float) -> float:
        """Take a first registration at `now` and return 0, or return the seconds until there is room for it."""
        had, _ = self._had.get(name, (0, now))
        return self._taken.take(name, now, had)


class Limit:
    """What callers may change: a bucket for each of them, and a small one for each service that they speak for."""

    def __init__(self, rate: Rate) -> None:
        """Take what each caller may."""
        self._callers = Buckets(rate)
        self._services = Buckets(OWN)
        self.newcomers = Newcomers(rate)

    def wait(self, command: Change, now: float) -> float | None:
        """Return 0 if `command` is within its caller's rate at `now`, else the seconds until it may be done.

        None if it is beyond that rate and within what each service may do: it may be done unless it is a first
        registration, which has to be taken from `newcomers`. The service's bucket is touched only then.
        """
        who = caller(command.actor)
        wait = self._callers.take(who, now)
        if not wait:
            return 0.0
        service = hash((who, command.dialect, command.key))  # the key itself may be long
        return min(wait, self._services.take(service, now)) or None


def caller(actor: Actor) -> str:
    """Return whose bucket an actor's commands are taken from: its credential's, or without one its address's.

    Of an IPv6 address the first 64 bits count: whoever has one has all that begin like it.
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
    """Return `seconds` as Retry-After has them: whole ones, and at least one."""
    return max(1, ceil(seconds))
