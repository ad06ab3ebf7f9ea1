"""URLs of web servers, in settings."""

from urllib.parse import SplitResult, urlsplit


def parsed(url: str) -> SplitResult:
    """Return the parts of a URL that a client can reach a server under.

    Raises:
        ValueError: With what it must be, in one line that does not repeat it.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or half an IPv6 address
        good = False
    if not good or not url.isprintable() or " " in url:
        raise ValueError("must be a URL that starts with http:// or https:// and names a host")
    return parts
