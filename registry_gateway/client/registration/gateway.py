"""The gateway that a service is registered at: its URL, and the requests to it."""

import asyncio
import os
import ssl

import httpx
import msgspec

from registry_gateway.client.registration.answers import Answer, NotAccepted
from registry_gateway.client.registration.credential import Credential
from registry_gateway.client.registration.dialect import ClientDialect, Request
from registry_gateway.core import web_url

LONGEST_REQUEST = 10.0
"""Most seconds that a request and its answer may take."""

Verify = ssl.SSLContext | str | os.PathLike[str] | None
"""Which certificates are trusted: a context, or a file with certificates of authorities. None: those of `SSL_CERT_FILE`
and `SSL_CERT_DIR`, or else of certifi."""


class Gateway:
    """A gateway, spoken to in one dialect. `name` is its URL, as it is shown in messages."""

    def __init__(self, url: str, dialect: ClientDialect, credential: Credential, verify: Verify = None) -> None:
        """Describe the gateway. Nothing is sent.

        Raises:
            ValueError: The URL, the file of certificates, or a proxy of the environment can't be used.
        """
        self.name = checked(url)
        self._dialect = dialect
        self._credential = credential
        self._client = _client(trusted(verify, self.name))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def send(self, request: Request, within: float) -> Answer:
        """Return the answer to a request, which may take `within` seconds.

        Raises:
            NotAccepted: There is no answer, or the key can't be read.
        """
        try:
            async with asyncio.timeout(min(within, LONGEST_REQUEST)):
                return await self._send(request)
        except (TimeoutError, httpx.TimeoutException):
            raise NotAccepted(f"{self.name} does not answer") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            reason = f"can't reach {self.name}: {_why(error)}"
            raise NotAccepted(reason, not_sent=isinstance(error, httpx.ConnectError)) from None

    async def _send(self, request: Request) -> Answer:
        headers = {"Accept-Encoding": "identity"}
        secret = self._credential.read()
        if secret is not None:
            name, value = self._dialect.secret_header(secret)
            headers[name] = value
        content = None
        if request.body is not None:
            content = msgspec.json.encode(request.body)
            headers["Content-Type"] = "application/json"
        url = f"{self.name}{request.path}"
        answer = await self._client.request(request.method, url, content=content, headers=headers)
        return Answer(answer.status_code, answer.headers, answer.content)


def _client(verify: ssl.SSLContext) -> httpx.AsyncClient:
    # Redirects are not followed: the key is for this server.
    try:
        return httpx.AsyncClient(verify=verify, timeout=LONGEST_REQUEST)
    except (ValueError, httpx.InvalidURL, ImportError) as error:
        raise ValueError(f"a proxy of the environment can't be used: {error}") from None


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


def _why(error: Exception) -> str:
    """Return the reason for a request without an answer, with advice."""
    reason = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return f"{reason}; for a private certificate authority give its file, or set SSL_CERT_FILE"
    if "WRONG_VERSION_NUMBER" in reason:  # OpenSSL's error for an answer in plain text
        return "it does not speak TLS; try http://"
    return reason
