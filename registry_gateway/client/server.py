"""The server that requests of a client go to: its URL, and the connections to it."""

import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from registry_gateway.core import web_url

C = TypeVar("C", httpx.Client, httpx.AsyncClient)


def checked(url: str) -> str:
    """Return the URL of a gateway, without slashes at its end.

    Raises:
        ValueError: It is none, or has a user or password.
    """
    try:
        parts = web_url.parsed(url)
    except ValueError as error:
        raise ValueError(f"the gateway's URL {error}") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("the gateway's URL has a user or a password; give a key or a token instead")
    return parts._replace(query="", fragment="", path=parts.path.rstrip("/")).geturl()


def connecting(kind: Callable[..., C], **options: Any) -> C:
    """Return a client of httpx with `options`. It does not follow redirects: a key or token is for one server.

    Raises:
        ValueError: A proxy of the environment can't be used. The variables, which may have passwords, are not repeated.
    """
    try:
        return kind(**options)
    except ImportError:
        advice = "SOCKS needs: pip install 'httpx[socks]'"
    except (ValueError, httpx.InvalidURL):
        advice = (
            "a proxy is a URL such as http://proxy:3128, with %2F and %23 for / and # in a password; "
            "NO_PROXY has names and addresses, without brackets"
        )
    names = "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY"
    raise ValueError(f"a proxy of the environment can't be used ({names}): {advice}")


def check_proxies() -> None:
    """Check that the proxies of the environment can be used.

    Raises:
        ValueError: One can't.
    """
    connecting(httpx.Client, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)).close()
