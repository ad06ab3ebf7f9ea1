"""The server that requests of a client go to: its URL, and whether its certificate is trusted."""

import os
import ssl
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from registry_gateway.core import web_url

C = TypeVar("C", httpx.Client, httpx.AsyncClient)

Verify = ssl.SSLContext | str | os.PathLike[str] | None
"""Which certificates are trusted: a context, or a file with certificates of authorities. None: those of `SSL_CERT_FILE`
and `SSL_CERT_DIR`, or else of certifi."""


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


def trusted(verify: Verify, url: str) -> ssl.SSLContext:
    """Return the context for requests to `url`.

    Raises:
        ValueError: The file of certificates can't be used.
    """
    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify is None:
        # Without TLS the certificates of all authorities would only take memory: 2 MB.
        tls = url.startswith("https:")
        return httpx.create_ssl_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=os.fspath(verify))
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise ValueError(f"can't read certificates from {os.fspath(verify)}: {error}") from None


def connecting(kind: Callable[..., C], **options: Any) -> C:
    """Return a client of httpx with `options`. It does not follow redirects: a key or token is for one server.

    Raises:
        ValueError: A proxy of the environment can't be used.
    """
    try:
        return kind(**options)
    except (ValueError, httpx.InvalidURL, ImportError) as error:
        raise ValueError(f"a proxy of the environment can't be used: {error}") from None
