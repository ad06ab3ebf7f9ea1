"""Texts of other servers, as they are repeated in messages."""

LONGEST = 500
"""Most characters that are repeated."""


def brief(text: str) -> str:
    """Return a text, shortened to `LONGEST` characters."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
