"""Numbers of seconds that are given to the clients and the sidecar."""

from registry_gateway.core.time_text import LONGEST


def checked(seconds: float, name: str, *, least: float = 0.0) -> float:
    """Return a number of seconds from `least` to `LONGEST`. `name` is what it is called in messages.

    Raises:
        ValueError: It is less, more, or not a number (NaN).
    """
    if not least <= seconds <= LONGEST:
        raise ValueError(f"{name} must be from {least:g} to {LONGEST:,} seconds, not {seconds:g}")
    return seconds
