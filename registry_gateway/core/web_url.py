"""URLs and origins of web servers in settings."""

from urllib.parse import SplitResult, urlsplit

from registry_gateway.core.address import DEFAULT_PORTS, split_address


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


def origin(text: str) -> str:
    """Return an origin (RFC 6454) if it is written as browsers send it: `scheme://host` or `scheme://host:port`.

    Raises:
        ValueError: It is not; the message is one line.
    """
    at = split_address(text)
    if at is None or at.scheme not in DEFAULT_PORTS:
        raise ValueError(f"{text!r} is not an origin such as https://dashboard.example.com")
    port = "" if at.port == DEFAULT_PORTS[at.scheme] else f":{at.port}"
    sent = f"{at.scheme}://{f'[{at.host}]' if ':' in at.host else at.host}{port}"
    if text != sent:
        raise ValueError(f"an origin is only scheme, host and port, as browsers send it: write {sent}")
    return sent
