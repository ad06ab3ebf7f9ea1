"""What the events of the last hour tell: two who share a key, heartbeats that come too late or not at all."""

from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from statistics import median
from typing import NamedTuple

from registry_gateway.core.model import Event, EventKind
from registry_gateway.doctor.rules.finding import Finding, error, warning

WINDOW = 3_600.0
"""How far back events are looked at, in seconds."""

MANY = 3
"""So many lapses with a return after each are no accident."""

LATE = 2
"""So many heartbeats after the deadline are no accident."""

_INSTANT = 0.001  # one transaction has one time; kept as a float, it may lose its last digits


class Return(NamedTuple):
    """A lapse and what ended it. Spans are seconds."""

    lease: float
    silence: float
    by_heartbeat: bool
    only_registered: bool
    """Whether nothing was heard between the registration and the lapse."""


def of_history(recent: Sequence[Event], now: float) -> list[Finding]:
    """Return what is wrong with a service by its events, oldest first; those before the last hour are passed over."""
    events = [event for event in recent if event.at > now - WINDOW]
    returns = list(_returns(events))
    return [*_shared(events), *(_late(returns) or _lapsing(returns))]


# --- two processes under one key


def _shared(events: Sequence[Event]) -> list[Finding]:
    advice = "Give each process a key of its own (slug, id, instance id), or stop the leftover process."
    for life in _lives(events):
        places = _back_and_forth([event.service_address for event in life])
        if places:
            summary = f"Two processes seem to share its key: its address changes between {' and '.join(places)}"
            return [error("shared_key", summary, advice)]
    for life in _lives(events):
        sources = _back_and_forth([event.client_address for event in life])
        if sources:
            summary = f"Two processes seem to share its key: it registers from {' and '.join(sources)} in turn"
            return [warning("shared_key", summary, f"{advice} If these are proxies, have the gateway trust them.")]
    return []


def _lives(events: Sequence[Event]) -> list[list[Event]]:
    """Return the registrations of each life: what was registered anew is nobody's second process."""
    lives: list[list[Event]] = [[]]
    for event in events:
        if event.kind is EventKind.REGISTERED:
            lives.append([])
        if event.kind in (EventKind.REGISTERED, EventKind.UPDATED):
            lives[-1].append(event)
    return lives


def _back_and_forth(values: Sequence[str | None]) -> list[str]:
    """Return the first two values between which a sequence goes A, B, A; nothing if none comes back."""
    steps = [value for value, _ in groupby(value for value in values if value is not None)]
    for first, second, third in zip(steps, steps[1:], steps[2:], strict=False):
        if first == third:
            return [first, second]
    return []


# --- lapses


def _returns(events: Sequence[Event]) -> Iterator[Return]:
    lapse: Event | None = None
    registered = 0.0
    for event, following in zip_longest(events, events[1:]):
        if event.kind is EventKind.EXPIRED:
            lapse = event
        elif event.kind in (EventKind.REGISTERED, EventKind.RECOVERED, EventKind.UPDATED):
            updated = following is not None and following.kind is EventKind.UPDATED and following.at == event.at
            if lapse is not None and isinstance(seen := lapse.detail.get("last_seen"), int | float):
                yield Return(
                    lease=_number(lapse.detail.get("expires_at")) - seen,
                    silence=event.at - seen,
                    by_heartbeat=event.kind is EventKind.RECOVERED and not updated,
                    only_registered=abs(seen - registered) < _INSTANT,
                )
            lapse = None
            if event.kind is not EventKind.RECOVERED:
                registered = event.at


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _late(returns: Sequence[Return]) -> list[Finding]:
    late = [r for r in returns if r.by_heartbeat]
    if len(late) < LATE:
        return []
    summary = (
        f"Its heartbeats are slower than its lease: {len(late)} came after its end in the last hour, about "
        f"{median(r.silence for r in late):.0f} s after the one before, with a lease of {late[-1].lease:.0f} s"
    )
    advice = (
        "Have it send them at least three times in a lease, or say how slow they are meant to be: by the interval it "
        "registers with, or by its dialect's setting."
    )
    return [error("slow_heartbeat", summary, advice)]


def _lapsing(returns: Sequence[Return]) -> list[Finding]:
    if len(returns) < MANY:
        return []
    times = f"{len(returns)} times in the last hour"
    if sum(r.only_registered for r in returns) >= MANY:
        summary = f"It registers repeatedly and sends no heartbeats in between: it lapsed {times}"
        advice = (
            "Check whether it sends heartbeats, and whether it reaches the gateway at the URL it was given "
            "(REGISTRY_GATEWAY_PUBLIC_URL; the log has what was refused)."
        )
        return [error("no_heartbeats", summary, advice)]
    summary = f"It lapsed and returned repeatedly: {times}"
    advice = "Check whether it restarts, stalls, or loses its network; its own log may have the cause."
    return [warning("keeps_lapsing", summary, advice)]
