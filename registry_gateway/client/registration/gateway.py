"""The gateway that a service is registered at: its URL, and the requests to it."""

import asyncio

import httpx
import msgspec

from registry_gateway.client.failures import words
from registry_gateway.client.registration.answers import Answer, NotAccepted
from registry_gateway.client.registration.credential import Credential
from registry_gateway.client.registration.dialect import ClientDialect, Request
from registry_gateway.client.server import checked, connecting
from registry_gateway.client.tls import Verify, trusted

LONGEST_REQUEST = 10.0
"""Most seconds that a request and its answer may take."""


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
        context = trusted(verify, self.name)
        self._client = connecting(httpx.AsyncClient, verify=context, timeout=LONGEST_REQUEST)

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
            raise NotAccepted(words(error, self.name), not_sent=isinstance(error, httpx.ConnectError)) from None

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
