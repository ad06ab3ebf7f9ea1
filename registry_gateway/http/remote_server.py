"""An HTTP client for servers that may be anything: what they answer, or one line that says why they do not."""

from collections.abc import Mapping
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import urlsplit

import anyio
import httpx
import msgspec

from registry_gateway.http.body import parse

SECONDS = 60.0
"""How long an answer may take, all of it."""

PATIENCE = httpx.Timeout(10.0)
"""How long a connection, and each piece of an answer, may take."""

MOST_BYTES = 4 * 2**20
"""Largest answer that is read, unless more is asked for."""

LONGEST = 500
"""Most characters of a text of the other server's that are shown."""


class Unreachable(Exception):
    """There is no answer. The message says why, in one line."""


class Reply(NamedTuple):
    """An answer with its whole body. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class RemoteServer:
    """A server at a URL. Redirects are not followed: the services' clients don't follow them either."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        """Take headers that every request to it has; they are never shown."""
        # Bodies as they are: a compressed one could be of any size.
        self._client = httpx.AsyncClient(timeout=PATIENCE, headers={"Accept-Encoding": "identity", **(headers or {})})

    async def __aenter__(self) -> Self:
        """Open it."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def get(self, url: str, most: int = MOST_BYTES) -> Reply:
        """Return the answer to a GET; its body has at most `most` bytes.

        Raises:
            Unreachable: There is none, or it is too long.
        """
        try:
            with anyio.fail_after(SECONDS):
                return await self._get(url, most)
        except TimeoutError:
            raise Unreachable(f"{shown(url)} did not answer within {SECONDS:g} s") from None
        except httpx.TimeoutException:
            raise Unreachable(f"{shown(url)} does not answer; check that it is running and reachable") from None
        except httpx.RemoteProtocolError as error:
            raise Unreachable(f"{shown(url)} does not speak HTTP: {error}") from None
        except (httpx.RequestError, httpx.InvalidURL, ValueError) as error:  # a redirect may have an invalid target
            if "WRONG_VERSION_NUMBER" in str(error):  # what OpenSSL makes of an answer in plain text
                raise Unreachable(f"{shown(url)} does not speak TLS; try http://") from None
            raise Unreachable(f"can't reach {shown(url)}: {_why(error)}") from None

    async def _get(self, url: str, most: int) -> Reply:
        async with self._client.stream("GET", url) as answer:
            body = bytearray()
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > most:
                    raise Unreachable(f"{shown(url)} answers with more than {most >> 20} MiB")
            return Reply(answer.status_code, answer.headers, bytes(body))


def _why(error: Exception) -> str:
    """Return why there is no connection, and what to try."""
    reason = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return f"{reason}; an authority of one's own needs its certificates in SSL_CERT_FILE"
    return f"{reason}; is it running, and is the URL right?" if isinstance(error, httpx.NetworkError) else reason


_Members = dict[str, msgspec.Raw]
_members = msgspec.json.Decoder(_Members)
_string = msgspec.json.Decoder(str)


def members(body: bytes, name: str) -> _Members:
    """Return the members of the object that is a member of a JSON object; none, if there is no such object."""
    try:
        found = parse(parse(body, _members)[name], _members)
    except (msgspec.DecodeError, KeyError):
        return {}
    return found


def member(body: bytes, name: str) -> str | None:
    """Return the string that is a member of a JSON object, cut short; None if there is no such string."""
    try:
        found = parse(parse(body, _members)[name], _string)
    except (msgspec.DecodeError, KeyError):
        return None
    return brief(found)


def brief(text: str) -> str:
    """Return the beginning of a text, as much of it as is shown."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"


def shown(url: str) -> str:
    """Return a URL without what could be secret in it: user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def same_server(asked: str, found: str) -> bool:
    """Tell whether what was meant for `asked` may go to `found`: the same host and port, and not less safely."""
    one, other = urlsplit(asked), urlsplit(found)
    downgraded = one.scheme == "https" and other.scheme != "https"
    return (one.hostname, one.port) == (other.hostname, other.port) and not downgraded
