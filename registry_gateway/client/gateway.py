"""Where a gateway is, and how connections to it are made."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from httpx_sse import SSEError

from registry_gateway.client.errors import UnexpectedAnswer, Unreachable
from registry_gateway.client.failures import may_pass, words
from registry_gateway.core import web_url

TIMEOUT = 15.0
"""Seconds that connecting, and each piece of an answer, may take. The gateway answers expensive reads within 10."""

SILENCE = 45.0
"""Seconds without a byte after which a watch counts as broken. The gateway sends a comment every 15."""

Verify = ssl.SSLContext | str | os.PathLike[str] | None
"""Which certificates are trusted: a context, or a file with certificates of authorities. None: those of `SSL_CERT_FILE`
and `SSL_CERT_DIR`, or else of certifi."""


class Gateway:
    """A gateway at a URL. `name` is the URL, as it is shown in messages."""

    def __init__(self, url: str, token: str | None, verify: Verify, retry_for: float) -> None:
        """Describe the gateway. Nothing is sent.

        Args:
            url: Its URL, such as https://registry.example.org.
            token: The token of an account; None if reading is open.
            verify: Which certificates are trusted.
            retry_for: Seconds for which failed reads are repeated.

        Raises:
            ValueError: The URL, the token or the file of certificates can't be used.
        """
        self.name = _checked(url)
        self.with_token = token is not None
        self.retry_for = retry_for
        self._headers = {} if token is None else {"Authorization": f"Bearer {_sendable(token)}"}
        self._verify = _trust(verify)

    def client(self) -> httpx.Client:
        """Return a client for its catalogue."""
        return httpx.Client(**self._options())

    def async_client(self) -> httpx.AsyncClient:
        """Return an asynchronous client for its catalogue."""
        return httpx.AsyncClient(**self._options())

    def _options(self) -> dict[str, Any]:
        # Redirects are not followed: a token is for this server.
        base = f"{self.name}/catalog/v1/"
        return {"base_url": base, "headers": self._headers, "verify": self._verify, "timeout": TIMEOUT}

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Raise errors of the client for those of httpx.

        Raises:
            Unreachable: There is no answer, or not the whole of it.
            UnexpectedAnswer: The answer is no stream of events where one is read.
        """
        try:
            yield
        except SSEError:
            raise UnexpectedAnswer(f"{self.name} is not a registry-gateway: it sends no events") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(words(error, self.name), passing=may_pass(error)) from None


def _checked(url: str) -> str:
    """Return a URL without slashes at its end."""
    try:
        parts = web_url.parsed(url)
    except ValueError as error:
        raise ValueError(f"the gateway's URL {error}") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("the gateway's URL has a user or a password; pass a token instead")
    return parts._replace(query="", fragment="", path=parts.path.rstrip("/")).geturl()


def _sendable(token: str) -> str:
    """Return a token without surrounding white space."""
    token = token.strip()
    if not (token.isascii() and token.isprintable() and token):
        raise ValueError("the token must be one line of ASCII, and not empty")
    return token


def _trust(verify: Verify) -> ssl.SSLContext | bool:
    if verify is None or isinstance(verify, ssl.SSLContext):
        return verify or True
    try:
        return ssl.create_default_context(cafile=verify)
    except (OSError, ValueError) as error:
        raise ValueError(f"can't read certificates from {os.fspath(verify)}: {error}") from None
