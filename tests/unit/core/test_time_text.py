"""Durations and times, as they are written."""

import pytest

from registry_gateway.core.time_text import duration, instant

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - 90),
        ("30m", NOW - 1800),
        ("1h", NOW - 3600),
        ("7d", NOW - 7 * 86_400),
        ("1795304333.5288389", 1795304333.5288389),
        ("0", 0.0),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15 09:00:00+01:00", NOW),
    ],
)
def test_times(text: str, expected: float) -> None:
    assert instant(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "0s", "1w", "yesterday", "nan", "1e300", "9" * 13, "2027-01-15T08:00:00", "h", "-1h"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="it is not a time"):
        instant(text, NOW)


@pytest.mark.parametrize("text", ["0s", "99999999999d", "1.5h", "1"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration(text)
