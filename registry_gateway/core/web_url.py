"""URLs of web servers in settings."""

from urllib.parse import SplitResult, urlsplit


def parsed(url: str) -> SplitResult:
    """Return the parts of an http or https URL.

    Raises:
        ValueError: It is none; the message is one line that does not repeat the value.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or half an IPv6 address
        good = False
    if not good or not url.isprintable() or " " in url:
        raise ValueError("must be a URL that starts with http:// or https:// and names a host")
    return parts
