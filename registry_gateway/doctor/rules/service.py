"""What is wrong with one service: its address, what its last events show, and what its dialect finds."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from registry_gateway.core.model import Entry, Event
from registry_gateway.doctor.rules.addresses import of_address
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.history import of_history

OwnNotes: TypeAlias = Callable[[Entry], Awaitable[Mapping[str, str]]]
"""Returns what only the dialect of an entry knows about it, as texts by their labels."""

RECENT = 200
"""How many of a service's last events are examined. Faults that recur are among them."""

OwnFindings: TypeAlias = Callable[[Entry], Sequence[Finding]]
"""Returns the findings about an entry that only its dialect can have. Pure."""


def diagnose(
    entry: Entry | None, recent: Sequence[Event], now: float, own: OwnFindings = lambda _entry: ()
) -> list[Finding]:
    """Return the findings about a service, the worst first.

    Args:
        entry: The service as it is registered, with its documents; None if it is not registered.
        recent: Its last events, oldest first. Events older than an hour are ignored.
        now: The time in epoch seconds.
        own: Returns what its dialect finds; not called without an entry.
    """
    found = of_history(recent, now)
    if entry is not None:
        address = entry.registration.address
        found += [] if address is None else of_address(address)
        found += own(entry)
    return sorted(found, key=lambda finding: finding.severity)
