"""An HTTP client for untrusted servers, with limits on time and size and one-line errors."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio
import httpx
import msgspec

from registry_gateway.client.brief import brief
from registry_gateway.client.failures import words
from registry_gateway.client.reply import Reply
from registry_gateway.client.server import connecting
from registry_gateway.client.tls import client_tls
from registry_gateway.http.body import parse

ANSWER_SECONDS = 60.0
"""Seconds that a whole answer may take."""

PIECE_SECONDS = 10.0
"""Seconds that connecting, and each piece of an answer, may take."""

MOST_BYTES = 4 * 2**20
"""Default limit on the size of an answer, in bytes."""


class Unreachable(Exception):
    """There is no usable answer. The message gives the reason in one line."""


class Unanswered(Unreachable):
    """The request was sent, but no complete answer came. It may have had its effect."""


class RemoteServer:
    """An HTTP client. It does not follow redirects, because the services' clients do not either."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        """Create a client that sends `headers` with every request. They are never shown.

        Raises:
            Unreachable: A proxy of the environment can't be used.
        """
        # No compression: a small body could decompress to any size.
        given = {"Accept-Encoding": "identity", **(headers or {})}
        try:
            self._client = connecting(httpx.AsyncClient, verify=client_tls(), timeout=PIECE_SECONDS, headers=given)
        except ValueError as error:
            raise Unreachable(str(error)) from None

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, url: str, most: int = MOST_BYTES) -> Reply:
        """Return the answer to a GET.

        Raises:
            Unreachable: There is no answer, or its body has more than `most` bytes.
        """
        return await self._whole("GET", url, None, most, PIECE_SECONDS)

    async def post(self, url: str, content: bytes, piece_seconds: float = PIECE_SECONDS) -> Reply:
        """Return the answer to a POST of JSON; each piece of it may take `piece_seconds` seconds.

        Raises:
            Unanswered: The request was sent, but no complete answer came, or one of more than `MOST_BYTES`.
            Unreachable: It could not be sent.
        """
        return await self._whole("POST", url, content, MOST_BYTES, piece_seconds)

    async def _whole(self, method: str, url: str, content: bytes | None, most: int, piece_seconds: float) -> Reply:
        headers = {} if content is None else {"Content-Type": "application/json"}
        try:
            with anyio.fail_after(ANSWER_SECONDS), _in_words(url):
                timeout = httpx.Timeout(PIECE_SECONDS, read=piece_seconds)
                asked = self._client.stream(method, url, content=content, headers=headers, timeout=timeout)
                async with asked as answer:
                    return await whole(answer, most)
        except TimeoutError:
            raise Unanswered(f"{shown(url)} did not answer within {ANSWER_SECONDS:g} s") from None
        except ValueError as error:  # a redirect may have an invalid target
            raise Unreachable(words(error, shown(url))) from None

    @asynccontextmanager
    async def stream(self, url: str, piece_seconds: float) -> AsyncIterator[httpx.Response]:
        """Open a GET whose answer is read while it arrives; each piece may take `piece_seconds` seconds.

        Raises:
            Unreachable: There is no answer, or it ends early. Also raised where the answer is read.
        """
        timeout = httpx.Timeout(PIECE_SECONDS, read=piece_seconds)
        with _in_words(url):
            async with self._client.stream("GET", url, timeout=timeout) as answer:
                yield answer


async def whole(answer: httpx.Response, most: int = MOST_BYTES) -> Reply:
    """Return an answer with its whole body.

    Raises:
        Unanswered: The body has more than `most` bytes, or takes longer than `ANSWER_SECONDS`.
    """
    body = bytearray()
    try:
        with anyio.fail_after(ANSWER_SECONDS):
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > most:
                    raise Unanswered(f"{shown(str(answer.url))} answers with more than {most >> 20} MiB")
    except TimeoutError:
        raise Unanswered(f"{shown(str(answer.url))} did not answer within {ANSWER_SECONDS:g} s") from None
    return Reply(answer.status_code, answer.headers, bytes(body))


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    """Raise `Unreachable`, with the reason in one line, for what httpx raises."""
    try:
        yield
    except (httpx.RequestError, httpx.InvalidURL) as error:
        kind = Unanswered if isinstance(error, _AFTER_SENDING) else Unreachable
        raise kind(words(error, shown(url))) from None


_AFTER_SENDING = (httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


_Members = dict[str, msgspec.Raw]
_members = msgspec.json.Decoder(_Members)
_string = msgspec.json.Decoder(str)


def members(body: bytes, name: str) -> _Members:
    """Return the members of the object at `name` in a JSON object; an empty dict if there is none."""
    try:
        found = parse(parse(body, _members)[name], _members)
    except (msgspec.DecodeError, KeyError):
        return {}
    return found


def member(body: bytes, name: str) -> str | None:
    """Return the string at `name` in a JSON object, shortened; None if there is none."""
    try:
        found = parse(parse(body, _members)[name], _string)
    except (msgspec.DecodeError, KeyError):
        return None
    return brief(found)


def shown(url: str) -> str:
    """Return a URL without the parts that could be secret: user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def same_server(asked: str, found: str) -> bool:
    """Return whether a token for the URL `asked` may be sent to `found`: same host and port, no downgrade to http."""
    one, other = urlsplit(asked), urlsplit(found)
    downgraded = one.scheme == "https" and other.scheme != "https"
    return (one.hostname, one.port) == (other.hostname, other.port) and not downgraded
