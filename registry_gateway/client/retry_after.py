"""The header `Retry-After` of an answer (RFC 9110, section 10.2.3)."""

from collections.abc import Mapping

LONGEST = 9
"""Most digits of a number that is read."""

LONGEST_PAUSE = 300.0
"""Longest pause in seconds that a gateway can ask clients for."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the header asks for; None if there are none. Dates are ignored: no gateway sends them."""
    given = headers.get("retry-after", "")
    return float(given) if given.isascii() and given.isdecimal() and len(given) <= LONGEST else None
