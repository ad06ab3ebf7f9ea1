"""Masking of credentials in text from outside, such as a token pasted in place of a path or a name.

Everything that looks like a token is masked where such text is logged or repeated in an error. Shared keys have no
fixed form and cannot be recognized.
"""

import re

MASK = "********"
"""The replacement for a secret."""

_SECRET = re.compile(
    r"(?P<id>rgw_[0-9a-f]{16}_)[A-Za-z0-9_-]+"  # a token of an account: `accounts list` shows its id
    r"|whsec_[A-Za-z0-9+/=_-]{16,}"  # the secret of a webhook
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"  # a JWT (RFC 7519): `{"` in base64url, a dot ...
)


def masked(text: str) -> str:
    """Return `text` with the secret part of each account token, JWT and secret of a webhook masked."""
    if "rgw_" not in text and "eyJ" not in text and "whsec_" not in text:  # a fast path for nearly all text
        return text
    return _SECRET.sub(lambda found: (found["id"] or "") + MASK, text)
