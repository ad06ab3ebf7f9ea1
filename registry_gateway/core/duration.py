"""Durations as people write them: `90d`, `24h`, `30m` or `45s`."""

import re

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
"""Units of time with their seconds."""

LONGEST = 10**9
"""Longest accepted duration in seconds, about thirty years."""


def seconds(text: str) -> float:
    """Return the seconds of a duration.

    Raises:
        ValueError: It is none, zero, or more than `LONGEST`. The message states the format.
    """
    match = re.fullmatch(r"([0-9]{1,10})([dhms])", text)
    found = int(match[1]) * dict(UNITS)[match[2]] if match else 0
    if not 0 < found <= LONGEST:
        raise ValueError(f"{text} is not a duration (such as 90d, 24h, 30m or 45s)")
    return float(found)
