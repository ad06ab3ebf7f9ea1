"""Where a gateway is, and how connections to it are made."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from httpx_sse import SSEError

from registry_gateway.client import seconds
from registry_gateway.client.errors import UnexpectedAnswer, Unreachable
from registry_gateway.client.failures import may_have_address, may_pass, words
from registry_gateway.client.secret import sendable
from registry_gateway.client.server import checked, connecting
from registry_gateway.client.tls import Verify, trusted

TIMEOUT = 15.0
"""Seconds that connecting, and each piece of an answer, may take. The gateway answers expensive reads within 10."""

WATCH_TIMEOUT = 45.0
"""Seconds without a byte after which a watch counts as broken. The gateway sends a comment every 15."""


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
            ValueError: The URL, the token, the file of certificates or the time can't be used.
        """
        self.name = checked(url)
        self.with_token = token is not None
        self.retry_for = seconds.checked(retry_for, "retry_for")
        self._headers = {} if token is None else {"Authorization": f"Bearer {sendable(token, 'the token')}"}
        self._verify = trusted(verify, self.name)

    def client(self) -> httpx.Client:
        """Return a client for its catalogue. Each thread may have a connection, also one that a watch keeps."""
        return connecting(httpx.Client, **self._options(), limits=httpx.Limits(max_keepalive_connections=20))

    def async_client(self) -> httpx.AsyncClient:
        """Return an asynchronous client for its catalogue."""
        return connecting(httpx.AsyncClient, **self._options())

    def _options(self) -> dict[str, Any]:
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
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:  # a name that is none: UnicodeError
            raise Unreachable(
                words(error, self.name), passing=may_pass(error) and may_have_address(self.name)
            ) from None
