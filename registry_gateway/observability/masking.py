"""Credentials in text from elsewhere, such as a token that was pasted where a path or a name belongs.

What looks like a token is masked wherever such text is logged or repeated in an error. Shared keys can have any form,
so they can't be recognized.
"""

import re

MASK = "********"
"""What is shown in place of a secret."""

_SECRET = re.compile(
    r"(?P<id>rgw_[0-9a-f]{16}_)[A-Za-z0-9_-]+"  # a token of the gateway's own: `accounts list` shows the part before
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"  # a JWT (RFC 7519): `{"` in base64url, a dot ...
)


def masked(text: str) -> str:
    """Return `text` with the secret part of each token masked, of the gateway's own and of JWTs."""
    if "rgw_" not in text and "eyJ" not in text:  # as nearly all text: a log writes thousands of lines a second
        return text
    return _SECRET.sub(lambda found: (found["id"] or "") + MASK, text)
