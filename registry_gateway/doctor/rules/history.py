"""Findings from the events of the last hour: shared keys, late heartbeats, missing heartbeats."""

from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from statistics import median
from typing import NamedTuple

from registry_gateway.core.model import Event, EventKind
from registry_gateway.doctor.rules.finding import Finding, error, warning

WINDOW = 3_600.0
"""Age in seconds of the oldest events that are examined."""

MANY_RETURNS = 3
"""Expiries, each followed by a return, from which on they are reported."""

MANY_LATE = 2
"""Heartbeats after the end of the lease from which on they are reported."""

CODES = frozenset({"shared_key", "slow_heartbeat", "no_heartbeats", "keeps_lapsing"})
"""The codes of the findings of this module."""

_INSTANT = 0.001  # seconds; events of one transaction have one time, but floats may differ in the last digits


class Return(NamedTuple):
    """An expired lease and the return of its service."""

    lease: float
    """Length of the lease in seconds."""
    interval: float
    """Seconds from the last heartbeat or registration to the return."""
    by_heartbeat: bool
    only_registered: bool
    """Whether there was no heartbeat between the registration and the expiry."""


def of_history(recent: Sequence[Event], now: float) -> list[Finding]:
    """Return the findings from a service's events, given oldest first. Events older than an hour are ignored."""
    events = [event for event in recent if event.at > now - WINDOW]
    returns = list(_returns(events))
    return [*_shared(events), *(_late(returns) or _lapsing(returns))]


# --- two processes under one key


def _shared(events: Sequence[Event]) -> list[Finding]:
    advice = "Give each process a key of its own (slug, id, instance id), or stop the leftover process."
    for registration in _by_registration(events):
        places = _back_and_forth([event.service_address for event in registration])
        if places:
            summary = f"Two processes seem to share its key: its address changes between {' and '.join(places)}"
            return [error("shared_key", summary, advice)]
    for registration in _by_registration(events):
        sources = _back_and_forth([event.client_address for event in registration])
        if sources:
            summary = f"Two processes seem to share its key: it registers from {' and '.join(sources)} in turn"
            proxies = "If these are the addresses of proxies, add them to REGISTRY_GATEWAY_FORWARDED_ALLOW_IPS."
            return [warning("shared_key", summary, f"{advice} {proxies}")]
    return []


def _by_registration(events: Sequence[Event]) -> list[list[Event]]:
    """Return the events grouped by registration: a new registration after an end is not a second process."""
    found: list[list[Event]] = [[]]
    for event in events:
        if event.kind is EventKind.REGISTERED:
            found.append([])
        if event.kind in (EventKind.REGISTERED, EventKind.UPDATED):
            found[-1].append(event)
    return found


def _back_and_forth(values: Sequence[str | None]) -> list[str]:
    """Return the first two values that alternate as A, B, A in a sequence; an empty list if none do."""
    steps = [value for value, _ in groupby(value for value in values if value is not None)]
    for first, second, third in zip(steps, steps[1:], steps[2:], strict=False):
        if first == third:
            return [first, second]
    return []


# --- expired leases


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
                    interval=event.at - seen,
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
    if len(late) < MANY_LATE:
        return []
    summary = (
        f"Its heartbeats come too late: {len(late)} in the last hour came after the lease had expired, about "
        f"{median(r.interval for r in late):.0f} s after the previous one (lease: {late[-1].lease:.0f} s)"
    )
    advice = (
        "Send heartbeats at least three times per lease, or make the lease longer: with the interval that the service "
        "registers, or with its dialect's setting."
    )
    return [error("slow_heartbeat", summary, advice)]


def _lapsing(returns: Sequence[Return]) -> list[Finding]:
    if len(returns) < MANY_RETURNS:
        return []
    times = f"{len(returns)} times in the last hour"
    if sum(r.only_registered for r in returns) >= MANY_RETURNS:
        summary = f"It registers repeatedly and sends no heartbeats in between: it lapsed {times}"
        advice = (
            "Check whether it sends heartbeats, and whether it reaches the gateway at the URL it was given "
            "(REGISTRY_GATEWAY_PUBLIC_URL; the log has what was refused)."
        )
        return [error("no_heartbeats", summary, advice)]
    summary = f"It lapsed and returned repeatedly: {times}"
    advice = "Check whether it restarts, stalls, or loses its network; its own log may have the cause."
    return [warning("keeps_lapsing", summary, advice)]
