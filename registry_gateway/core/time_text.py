"""Durations and times as people write them."""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
"""Units of time with their seconds."""

LONGEST = 10**9
"""Longest accepted duration in seconds, about thirty years."""


def duration(text: str) -> float:
    """Return the seconds of a duration: `90d`, `24h`, `30m` or `45s`.

    Raises:
        ValueError: It is none, zero, or more than `LONGEST`. The message states the format.
    """
    match = re.fullmatch(r"([0-9]{1,10})([dhms])", text)
    found = int(match[1]) * dict(UNITS)[match[2]] if match else 0
    if not 0 < found <= LONGEST:
        raise ValueError(f"{text} is not a duration (such as 90d, 24h, 30m or 45s)")
    return float(found)


_Instant: Any = Annotated[datetime, Meta(tz=True)]

FORMS = "RFC 3339 with an offset, epoch seconds, or a duration before now such as 90s, 30m, 1h or 7d"
"""The forms of a time."""


def instant(text: str, now: float) -> float:
    """Return a time in epoch seconds, given in one of `FORMS`. `now` is the present in epoch seconds.

    Raises:
        ValueError: It is none of them. The message states the forms.
    """
    try:
        return now - duration(text)
    except ValueError:
        pass
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,20})?", text):
        return float(text)  # a datetime would round it to microseconds, and miss the event of that time
    try:
        at: datetime = msgspec.convert(text, _Instant, strict=False)
    except msgspec.ValidationError:
        raise ValueError(f"it is not a time ({FORMS})") from None
    return at.timestamp()
