"""The URL of a receiver: its form, and how it is shown."""

import re
from urllib.parse import urlsplit

from registry_gateway.core import web_url
from registry_gateway.core.errors import InvalidUrl
from registry_gateway.observability.masking import MASK

LONGEST = 2_048
"""Most characters of a URL."""

PATTERN = r'https?://([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!"$-~]*)?'
"""Pattern of a URL. It has no user, password or fragment; a host in other letters is written as `xn--…`."""

_FORM = (
    "the URL must start with http:// or https:// and name a host; it has no user, password or fragment, only printable "
    f"ASCII, and at most {LONGEST:,} characters"
)


def check(url: str) -> None:
    """Return if `url` has the form of a receiver's URL.

    Raises:
        InvalidUrl: It has not. The message says what the form is, and does not repeat the URL.
    """
    try:
        web_url.parsed(url)
    except ValueError:
        raise InvalidUrl(_FORM) from None
    if len(url) > LONGEST or not re.fullmatch(PATTERN, url):
        raise InvalidUrl(_FORM)


def shown(url: str) -> str:
    """Return a URL for people: the path and query of a webhook's URL are often a secret, so they are masked."""
    parts = urlsplit(url)
    hidden = f"/{MASK}" if parts.path.strip("/") or parts.query else parts.path
    return f"{parts.scheme}://{parts.netloc}{hidden}"
