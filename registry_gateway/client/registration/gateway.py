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


MOST_BYTES = 2**24
"""Most bytes of an answer. A gateway repeats at most the document that it was sent."""


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
        async with self._client.stream(request.method, url, content=content, headers=headers) as answer:
            return Answer(answer.status_code, answer.headers, await self._body(answer))

    async def _body(self, answer: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                problem = f"{self.name} answers with more than {MOST_BYTES >> 20} MiB; is it a gateway?"
                raise NotAccepted(problem, refused=True)
        return bytes(body)
