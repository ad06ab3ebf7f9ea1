"""What is written of a service to chap-core's Redis, and when. Pure.

Redis' times are milliseconds of its own clock. A deadline there is the time `read_at`, taken before the registry was
read, and what was left of the lease at the read: never later than the lease ends.
"""

from typing import Literal, NamedTuple

import msgspec

from gateway_chap import translate
from gateway_chap.chap_core_rules import Problem, check
from registry_gateway.adapter import Entry, Registration

SLACK_MS = 100
"""Milliseconds by which what is left in Redis and in the registry may differ."""


class Placed(NamedTuple):
    """A service as it is to be in Redis: the id, when it expires, which registration it is of, and the value.

    For `prolong` the value is only its end, from `registered_at` on.
    """

    id: str
    deadline: int
    registration: str
    value: bytes


class Stored(NamedTuple):
    """A service as it was found in Redis. `value` is None if the key is not a string.

    `left` is the milliseconds that it has, -1 for ever; `own` whether a gateway wrote the value.
    """

    value: bytes | None
    left: int
    own: bool


class Decision(msgspec.Struct, frozen=True):
    """What chap-core is given of a registration.

    `service` is None if it is left out, because of `refused`. `summary` is that of `Checked`.
    """

    registration: str
    service: Placed | None
    refused: Problem | None
    summary: str | None


class Lease(NamedTuple):
    """A live service, with or without its document, and the time of Redis just before it was read."""

    entry: Entry
    read_at: int

    @property
    def id(self) -> str:
        """The service's id."""
        return self.entry.registration.key

    @property
    def registration(self) -> str:
        """The registration, as in `Decision`."""
        return registration_of(self.entry.registration)

    @property
    def deadline(self) -> int:
        """When its lease ends, by Redis' clock."""
        return self.read_at + int(self.entry.remaining * 1000)


def registration_of(registration: Registration) -> str:
    """Return a text that is another one after each registration, and the same after renewals. It has no spaces."""
    return repr(registration.lease.granted_at)


def placed(entry: Entry, read_at: int) -> Decision:
    """Return what chap-core is given of a live service with its document."""
    lease = Lease(entry, read_at)
    checked = check(entry.document)
    if checked.document is None:
        return Decision(lease.registration, None, checked.refused, checked.summary)
    value = checked.document[:-1] + translate.times(entry.registration)
    service = Placed(lease.id, lease.deadline, lease.registration, value)
    return Decision(lease.registration, service, None, checked.summary)


def prolonged(lease: Lease) -> Placed:
    """Return what `ChapCoreRedis.prolong` needs for a lease."""
    return Placed(lease.id, lease.deadline, lease.registration, translate.times(lease.entry.registration))


def due(lease: Lease, left: int) -> Literal["put", "prolong"] | None:
    """Return what has to be done to a service that has `left` milliseconds in Redis; negative: it is not right there.

    It is prolonged after half of its lease, and cut if it would outlast the lease.
    """
    if left < 0:
        return "put"
    ttl, remaining = lease.entry.registration.lease.ttl * 1000, lease.entry.remaining * 1000
    if left > remaining + SLACK_MS or (left < ttl / 2 and remaining > left + max(SLACK_MS, ttl / 20)):
        return "prolong"
    return None
