"""The pause that an answer asks for."""

import pytest

from registry_gateway.client.retry_after import retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("", None), ("soon", None), ("-1", None), ("1" * 10, None), ("¹", None), ("Wed, 21 Oct", None)],
)
def test_a_pause_is_in_seconds(header: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": header}) == seconds


def test_without_the_header_no_pause_is_asked_for() -> None:
    assert retry_after({}) is None
