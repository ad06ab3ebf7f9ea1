"""The last day of a registry: live services and lapses over time, mass lapses, dialects that emptied. Pure.

It is computed backwards from the services that are live now and the begins and ends of leases in the event log.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

HOUR = 3_600.0
DAY = 86_400.0

INTERVAL = 600
"""Seconds of an interval of the series."""

WINDOW = 60.0
"""Seconds within which the lapses of a mass lapse come."""

LEAST = 5
"""Services that a mass lapse has at least, and that a dialect must have had to count as emptied."""

SHARE = 5
"""A mass lapse concerns at least one in so many live services of the dialect."""


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which no gateway was present. `until` is None if it lasts.

    `cause` is `gateway` if none ran, and `database` if one ran and could not write; None if that is not known.
    """

    since: float
    until: float | None
    cause: Literal["gateway", "database"] | None


class MassLapse(msgspec.Struct, frozen=True, kw_only=True):
    """Lapses of many services of a dialect: at least a fifth of it, and at least five, within a minute.

    `absences` overlap the time from the last heartbeats of these services to the last lapse. If there are none, the
    gateway and its database were present all that time.
    """

    dialect: str
    began_at: Annotated[float, Meta(description="The first lapse.")]
    ended_at: Annotated[float, Meta(description="The last lapse.")]
    services: Annotated[int, Meta(description="Services that lapsed.")]
    live_before: Annotated[int, Meta(description="Live services of the dialect before.")]
    recovered: Annotated[int, Meta(description="Those of the services that are live again.")]
    absences: list[Absence]


class Emptied(msgspec.Struct, frozen=True, kw_only=True):
    """A dialect without a live service that had `services` of them within the last day. `at` is the last one's end."""

    dialect: str
    at: float
    services: int


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """Intervals of `interval` seconds, the first from `since` on; the last one is not complete."""

    since: float
    interval: int
    live: Annotated[
        list[int | None],
        Meta(description="Live services at the end of each interval; null where the log does not reach back."),
    ]
    expired: Annotated[list[int], Meta(description="Lapses within each interval.")]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a registry and what happened in it. `last_hour` counts events by kind.

    Mass lapses, emptied dialects and absences are those of the last day, the newest first.
    """

    at: Annotated[float, Meta(description="The time at which it was computed.")]
    by_status: dict[str, int]
    by_dialect: dict[str, dict[str, int]]
    last_hour: dict[str, int]
    last_day: Series
    mass_lapses: list[MassLapse]
    emptied: list[Emptied]
    absences: list[Absence]


class Second(NamedTuple):
    """The leases of a dialect that began, ended, and expired (these are among the ended) within a second from `at`."""

    dialect: str
    at: float
    begun: int
    ended: int
    expired: int


class Run(NamedTuple):
    """Lapses of a dialect that may be a mass lapse: the times of the first and last, and the live services before."""

    dialect: str
    began_at: float
    ended_at: float
    live_before: int


def by_dialect(seconds: Sequence[Second]) -> dict[str, list[Second]]:
    """Return seconds by dialect, in the order of time."""
    ordered = sorted(seconds, key=lambda second: (second.dialect, second.at))
    return {dialect: list(of_it) for dialect, of_it in groupby(ordered, key=lambda second: second.dialect)}


def series(seconds: Sequence[Second], live: int, now: float, known_since: float) -> Series:
    """Return the series of the day before `now`.

    Args:
        seconds: What happened in that day, in any order.
        live: The services that are live at `now`.
        now: The time in epoch seconds.
        known_since: The time from which on the log has all events.
    """
    count = int(DAY) // INTERVAL + 1
    since = now // INTERVAL * INTERVAL - (count - 1) * INTERVAL
    change, expired = [0] * count, [0] * count
    for second in seconds:
        number = min(int((second.at - since) // INTERVAL), count - 1)
        if number >= 0:
            change[number] += second.begun - second.ended
            expired[number] += second.expired
    lived: list[int | None] = []
    for number in reversed(range(count)):
        known = since + (number + 1) * INTERVAL > known_since
        lived.append(max(live, 0) if known else None)
        live -= change[number]
    return Series(since=since, interval=INTERVAL, live=lived[::-1], expired=expired)


def runs(seconds: Sequence[Second], live: int) -> Iterator[Run]:
    """Yield the possible mass lapses of a dialect, the oldest first. Overlapping ones are one.

    A service that lapses twice counts twice here, so the caller counts the services.

    Args:
        seconds: What happened to the dialect, in the order of time.
        live: Its services that are live at the end.
    """
    before = _live_before(seconds, live)
    found: Run | None = None
    first, lapses, begun = 0, 0, 0
    for last, second in enumerate(seconds):
        lapses += second.expired
        begun += second.begun
        while second.at - seconds[first].at >= WINDOW or (first < last and not seconds[first].expired):
            lapses -= seconds[first].expired
            begun -= seconds[first].begun
            first += 1
        if not second.expired or not massive(lapses, before[first] + begun):
            continue
        began_at = seconds[first].at
        if found is not None and began_at <= found.ended_at:
            found = found._replace(ended_at=second.at)
            continue
        if found is not None:
            yield found
        found = Run(second.dialect, began_at, second.at, before[first] + begun)
    if found is not None:
        yield found


def massive(lapsed: int, live_before: int) -> bool:
    """Tell whether the lapses of `lapsed` services of `live_before` are a mass lapse."""
    return lapsed >= LEAST and lapsed * SHARE >= live_before


def emptied(seconds: Sequence[Second], live: int) -> Emptied | None:
    """Return how a dialect emptied; None if it has live services or had few. For the arguments see `runs`."""
    ends = [second for second in seconds if second.ended]
    if live > 0 or not ends:
        return None
    most = max(_live_before(seconds, live))
    return Emptied(dialect=ends[-1].dialect, at=ends[-1].at, services=most) if most >= LEAST else None


def _live_before(seconds: Sequence[Second], live: int) -> list[int]:
    """Return the live services before each second."""
    before: list[int] = []
    for second in reversed(seconds):
        live += second.ended - second.begun
        before.append(live)
    return before[::-1]


def overlapping(absences: Sequence[Absence], since: float, until: float) -> list[Absence]:
    """Return the absences that overlap a time."""
    return [a for a in absences if a.since <= until and (a.until is None or a.until >= since)]


def totals(by_dialect: Mapping[str, Mapping[str, int]], statuses: Sequence[str]) -> dict[str, int]:
    """Return the sums of all dialects by status."""
    return {name: sum(of_it.get(name, 0) for of_it in by_dialect.values()) for name in statuses}
