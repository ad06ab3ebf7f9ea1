"""Texts of other servers in messages."""

from registry_gateway.client.brief import LONGEST, brief


def test_a_short_text_stays_as_it_is() -> None:
    assert brief("x" * LONGEST) == "x" * LONGEST


def test_a_long_text_is_cut_and_says_so() -> None:
    assert brief("x" * (LONGEST + 1)) == "x" * LONGEST + " …"
