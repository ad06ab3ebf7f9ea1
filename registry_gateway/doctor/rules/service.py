"""What is wrong with one service: its address, and what its last events show."""

from collections.abc import Sequence

from registry_gateway.core.model import Event, Registration
from registry_gateway.doctor.rules.addresses import of_address
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.history import of_history

RECENT = 200
"""How many of a service's last events are looked at. What goes wrong again and again is among them."""


def diagnose(registration: Registration | None, recent: Sequence[Event], now: float) -> list[Finding]:
    """Return what is the matter with a service, the worst first.

    Args:
        registration: It as it is registered, None if it is not any more.
        recent: Its last events, oldest first; those of more than an hour ago are passed over.
        now: The time in epoch seconds.
    """
    found = of_history(recent, now)
    if registration is not None and registration.address is not None:
        found += of_address(registration.address)
    return sorted(found, key=lambda finding: finding.severity)
