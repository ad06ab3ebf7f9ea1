"""Begins and ends of leases in the last day, kept in memory and continued from the log of events."""

from sqlalchemy import Connection

from registry_gateway.core.overview import DAY, Span
from registry_gateway.store.statements import day, events

PART_IDS = 50_000
"""Ids of events that are read at a time, in some tenths of a second."""


class Timeline:
    """What happened to the leases of each dialect in the last day, in spans of a few seconds."""

    def __init__(self) -> None:
        self._spans: dict[tuple[str, int], Span] = {}
        self._last: int | None = None

    def advance(self, connection: Connection, now: float) -> bool:
        """Read the next part of the log; return whether there is more. `now` is the time in epoch seconds.

        The first part begins a day ago.
        """
        _, newest = events.span(connection)
        if self._last is None:
            self._last = day.last_before(connection, now - DAY)
        last = min(self._last + PART_IDS, newest)
        for number, span in day.spans(connection, self._last, last):
            known = self._spans.get((span.dialect, number))
            self._spans[span.dialect, number] = span if known is None else known.joined(span)
        self._last = max(self._last, last)
        return self._last < newest

    def spans(self, now: float) -> dict[str, list[Span]]:
        """Return the spans of the day before `now` by dialect, in the order of time. Older ones are dropped."""
        self._spans = {place: span for place, span in self._spans.items() if span.last_at >= now - DAY}
        found: dict[str, list[Span]] = {}
        for span in sorted(self._spans.values(), key=lambda span: span.at):
            found.setdefault(span.dialect, []).append(span)
        return found
