"""How often a caller may change something: a limit an operator can set, and what it never stands in the way of.

Pure: commands and times go in. Heartbeats and reads have no part in it.
"""

import ipaddress
import re
from collections import OrderedDict
from collections.abc import Hashable
from math import ceil

import msgspec

from registry_gateway.commands import Advertise, Deregister, Register
from registry_gateway.model import ANONYMOUS, Actor

MOST = 10_000
"""Most buckets remembered at once. Beyond, the one used longest ago is forgotten, and counts as full."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_WRITTEN = re.compile(r"([1-9][0-9]{0,5})(?:/([smh]))?")
_ROUNDING = 1e-6
"""Seconds that times since 1970 may be out by without anybody having to wait for it."""

Change = Register | Advertise | Deregister
"""What is limited."""


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

    def take(self, name: Hashable, now: float) -> float:
        """Take a token at `now` and return 0, or return the seconds until there is one."""
        # No further off than an empty bucket is, also where the clock was set back.
        full_at = min(max(self._full_at.pop(name, now), now), now + self._period)
        self._make_room(now)
        wait = full_at + self._token - self._period - now
        if wait > _ROUNDING:
            self._full_at[name] = full_at
            return wait
        self._full_at[name] = full_at + self._token
        return 0.0

    def _make_room(self, now: float) -> None:
        """Drop the full ones among those used longest ago, and another one where it is needed."""
        while self._full_at:
            name, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) < self._most:
                return
            del self._full_at[name]


class Limit:
    """What callers may change: a bucket for each of them, and a small one for each service that they speak for."""

    def __init__(self, rate: Rate) -> None:
        """Take what each caller may."""
        self._callers = Buckets(rate)
        self._services = Buckets(OWN)

    def wait(self, command: Change, now: float) -> float:
        """Return 0 if `command` may be done at `now`, else the seconds until it may. Administrators always may.

        The service's bucket is only touched when its caller's is empty. What registers for the first time has a full
        one.
        """
        if isinstance(command, Deregister) and command.forced:
            return 0.0
        who = caller(command.actor)
        wait = self._callers.take(who, now)
        if wait:
            service = hash((who, command.dialect, command.key))  # the key itself may be long
            wait = min(wait, self._services.take(service, now))
        return wait


def caller(actor: Actor) -> str:
    """Return whose bucket an actor's commands are taken from: its credential's, or without one its address's.

    Of an IPv6 address the first 64 bits count: whoever has one has all that begin like it.
    """
    if actor.name != ANONYMOUS:
        return actor.name
    try:
        address = ipaddress.ip_address(actor.address or "")
    except ValueError:
        return f"{ANONYMOUS} {actor.address}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return f"{ANONYMOUS} {ipaddress.IPv6Network((int(address), 64), strict=False)}"
        address = address.ipv4_mapped
    return f"{ANONYMOUS} {address}"


def retry_after(seconds: float) -> int:
    """Return `seconds` as Retry-After has them: whole ones, and at least one."""
    return max(1, ceil(seconds))
