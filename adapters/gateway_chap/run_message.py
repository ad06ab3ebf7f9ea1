"""What passes the run proxy: the target of a request, and the headers of requests and answers. Pure.

Sources: RFC 9110, 7.6 (message forwarding); chap_core/rest_api/v2/routers/proxy.py of chap-core 2.5.1.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote, unquote_to_bytes

import httpx

PSEUDONYM = "registry-gateway"
"""The name of the proxy in `Via`, by which it recognizes its own requests (RFC 9110, 7.6.3)."""

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields: names in lower case, and values."""

_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding "
    b"upgrade".split()
)

_NOT_SENT = frozenset(b"authorization content-length cookie expect host via x-service-key".split())
"""What is meant for the gateway or describes a body, which is not sent. `via` is written anew."""

_NOT_RETURNED = frozenset(
    b"alt-svc clear-site-data nel report-to reporting-endpoints service-worker-allowed set-cookie set-cookie2 "
    b"strict-transport-security content-security-policy content-security-policy-report-only date "
    b"x-content-type-options".split()
)
"""What browsers apply to the whole origin, which is the gateway's, or keep for it; and what the gateway sets itself."""

_CORS = b"access-control-"
"""Start of the headers that permit other origins to read an answer. The gateway permits none."""

_ISOLATED: Fields = (
    (b"content-security-policy", b"sandbox"),
    (b"x-content-type-options", b"nosniff"),
)
"""Added to answers, because they have the origin of the page, whose tab may hold an administrator's token."""

_RUN = re.compile(rb"/v2/services/([^/]+)/run(?:/(.*))?", re.DOTALL)
_UNPRINTABLE = re.compile(rb"[^\x21-\x7e]")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_SLASHES = re.compile(rb"[/\\]")


def path_below(raw_path: bytes, key: str) -> bytes | None:
    """Return what a path has after `/v2/services/{key}/run/`, as it was sent; None if it is another path.

    The path may begin with the gateway's prefix. A path that ends with `run` is treated as if a slash followed.
    """
    found = _RUN.search(raw_path)
    if found is None or unquote(found[1].decode("latin-1")) != key:
        return None
    return found[2] or b""


def climbs(path: bytes) -> bool:
    """Return whether a path leaves the place at which it begins by `..` segments, percent-encoded or not.

    Empty segments do not count, because some servers remove them.
    """
    depth = 0
    for segment in _SLASHES.split(unquote_to_bytes(path)):
        depth += {b"..": -1, b".": 0, b"": 0}.get(segment, 1)
        if depth < 0:
            return True
    return False


def server(address: str) -> httpx.URL | None:
    """Return the URL of a service; None if its address is not an http or https URL."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        return None
    return url if url.scheme in ("http", "https") and url.host else None


def target(url: httpx.URL, path: bytes, query: bytes) -> bytes:
    """Return the target of a request to a service at `url`: path and query as they were sent.

    Only bytes that no target may contain are percent-encoded.
    """
    base = url.raw_path.partition(b"?")[0].rstrip(b"/")
    whole = base + b"/" + path + (b"?" + query if query else b"")
    return _UNPRINTABLE.sub(lambda byte: b"%%%02X" % byte[0][0], whole)


def followed(url: httpx.URL, status: int, location: str | None) -> httpx.URL | None:
    """Return the URL that a redirect from `url` leads to; None if the answer is not a redirect.

    Raises:
        ValueError: It leads to another server, or nowhere.
    """
    if status not in (301, 302, 303, 307, 308) or location is None:
        return None
    try:
        to = url.join(location)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("it redirects to an invalid URL") from None
    if (to.scheme, to.host, to.port) != (url.scheme, url.host, url.port):
        raise ValueError("it redirects to another server")
    return to


def is_own(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Return whether a request comes from a run proxy: a service's address leads back to the gateway."""
    vias = [value for name, value in headers if name == b"via"]
    return any(PSEUDONYM.encode() in value.split() for value in b",".join(vias).split(b","))


def sent(headers: Fields) -> Fields:
    """Return the headers of a request to a service, given those of the client's request."""
    vias = [value for name, value in headers if name == b"via"]
    via = b", ".join((*vias, b"1.1 " + PSEUDONYM.encode()))
    return [*((name, value) for name, value in _end_to_end(headers) if name not in _NOT_SENT), (b"via", via)]


def returned(status: int, headers: Fields) -> Fields:
    """Return the headers of an answer to a client, given those of the service's answer."""
    unframed = status in (204, 304) or any(name == b"transfer-encoding" for name, _ in headers)
    passed = [
        (name, value)
        for name, value in _end_to_end(headers)
        if name not in _NOT_RETURNED
        and not name.startswith(_CORS)
        and not (unframed and name == b"content-length")  # the server frames these answers itself
        and not _CONTROL.search(value)  # which no server may send
    ]
    return [*passed, *_ISOLATED]


def _end_to_end(headers: Fields) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers without those of a connection, and without those that `Connection` names."""
    named = b",".join(value for name, value in headers if name == b"connection").lower().split(b",")
    dropped = _HOP_BY_HOP | {option.strip() for option in named}
    return ((name, value) for name, value in headers if name not in dropped)
