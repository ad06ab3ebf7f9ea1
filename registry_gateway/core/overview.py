"""The last day of a registry: live services and lapses over time, mass lapses, dialects that emptied. Pure.

It is computed backwards from the services that are live now and the begins and ends of leases in the event log.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

HOUR = 3_600.0
DAY = 86_400.0

INTERVAL = 600
"""Seconds of an interval of the series."""

SPAN_SECONDS = 5
"""Length of a span in seconds: a minute has several spans, and a day less than twenty thousand."""

WINDOW = 60.0
"""Seconds within which the lapses of a mass lapse occur."""

LEAST_SERVICES = 5
"""Services that a mass lapse has at least, and that a dialect must have had to count as emptied."""

SHARE = 5
"""A mass lapse concerns at least one in so many live services of the dialect."""


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which no gateway was present. `until` is null while it lasts.

    `cause` is `gateway` if none ran, and `database` if one ran and could not write; null if that is not known.
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


class Span(NamedTuple):
    """What happened to the leases of a dialect within `SPAN_SECONDS`.

    Attributes:
        dialect: The dialect.
        at, last_at: The times of the first and the last event.
        begun, ended: Leases that began and that ended.
        expired: Those of the ended that expired.
        lapsed_at, last_lapsed_at: The times of the first and the last lapse; infinity and 0 if there is none.
    """

    dialect: str
    at: float
    last_at: float
    begun: int
    ended: int
    expired: int
    lapsed_at: float
    last_lapsed_at: float

    def joined(self, other: "Span") -> "Span":
        """Return this span together with another part of it."""
        return Span(
            self.dialect,
            min(self.at, other.at),
            max(self.last_at, other.last_at),
            self.begun + other.begun,
            self.ended + other.ended,
            self.expired + other.expired,
            min(self.lapsed_at, other.lapsed_at),
            max(self.last_lapsed_at, other.last_lapsed_at),
        )


class Run(NamedTuple):
    """Lapses of a dialect that may be a mass lapse: the times of the first and last, and the live services before."""

    dialect: str
    began_at: float
    ended_at: float
    live_before: int


def series(spans: Iterable[Span], live: int, now: float, known_since: float) -> Series:
    """Return the series of the day before `now`.

    Args:
        spans: What happened in that day, in any order.
        live: The services that are live at `now`.
        now: The time in epoch seconds.
        known_since: The time from which on the log has all events.
    """
    count = int(DAY) // INTERVAL + 1
    since = now // INTERVAL * INTERVAL - (count - 1) * INTERVAL
    change, expired = [0] * count, [0] * count
    for span in spans:
        number = min(int((span.at - since) // INTERVAL), count - 1)
        if number >= 0:
            change[number] += span.begun - span.ended
            expired[number] += span.expired
    lived: list[int | None] = []
    for number in reversed(range(count)):
        known = since + (number + 1) * INTERVAL > known_since
        lived.append(max(live, 0) if known else None)
        live -= change[number]
    return Series(since=since, interval=INTERVAL, live=lived[::-1], expired=expired)


def runs(spans: Sequence[Span], live: int) -> Iterator[Run]:
    """Yield the possible mass lapses of a dialect, the oldest first. Overlapping ones are one.

    A service that lapses twice counts twice here, so the caller counts the services.

    Args:
        spans: What happened to the dialect, in the order of time.
        live: Its services that are live at the end.
    """
    before = _live_before(spans, live)
    found: Run | None = None
    first, lapses, begun = 0, 0, 0
    for span in spans:
        lapses += span.expired
        begun += span.begun
        if not span.expired:
            continue
        while not spans[first].expired or span.last_lapsed_at - spans[first].lapsed_at >= WINDOW:
            lapses -= spans[first].expired
            begun -= spans[first].begun
            first += 1
        if not massive(lapses, before[first] + begun):
            continue
        began_at = spans[first].lapsed_at
        if found is not None and began_at <= found.ended_at:
            found = found._replace(ended_at=span.last_lapsed_at)
            continue
        if found is not None:
            yield found
        found = Run(span.dialect, began_at, span.last_lapsed_at, before[first] + begun)
    if found is not None:
        yield found


def massive(lapsed: int, live_before: int) -> bool:
    """Tell whether the lapses of `lapsed` services of `live_before` are a mass lapse."""
    return lapsed >= LEAST_SERVICES and lapsed * SHARE >= live_before


def emptied(spans: Sequence[Span], live: int) -> Emptied | None:
    """Return how a dialect emptied; None if it has live services or had few. For the arguments see `runs`."""
    ends = [span for span in spans if span.ended]
    if live > 0 or not ends:
        return None
    most = max(_live_before(spans, live))
    return Emptied(dialect=ends[-1].dialect, at=ends[-1].last_at, services=most) if most >= LEAST_SERVICES else None


def _live_before(spans: Sequence[Span], live: int) -> list[int]:
    """Return the live services before each span."""
    before: list[int] = []
    for span in reversed(spans):
        live += span.ended - span.begun
        before.append(live)
    return before[::-1]


def overlapping(absences: Sequence[Absence], since: float, until: float) -> list[Absence]:
    """Return the absences that overlap a time."""
    return [a for a in absences if a.since <= until and (a.until is None or a.until >= since)]


def totals(by_dialect: Mapping[str, Mapping[str, int]], statuses: Sequence[str]) -> dict[str, int]:
    """Return the sums of all dialects by status."""
    return {name: sum(of_it.get(name, 0) for of_it in by_dialect.values()) for name in statuses}
