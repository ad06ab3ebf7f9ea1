"""A request, as an adapter's handlers see it: see `routing`.

Only what is asked for is read. Starlette's own Request costs more than a heartbeat does. An adapter is free to use it
instead.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from itertools import count
from secrets import token_hex
from typing import TypeVar
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from registry_gateway.core.address import is_authority
from registry_gateway.core.model import Actor
from registry_gateway.http.answer import NOSNIFF, Answer, body_answer
from registry_gateway.http.body import read_body
from registry_gateway.http.rendered import Rendered
from registry_gateway.settings import PREFIX, Settings

T = TypeVar("T")

log = logging.getLogger("registry_gateway.requests")

_PROCESS = token_hex(8)
_numbers = count()  # with the part above as unique as a UUID, and made without asking the kernel each time


class Call:
    """A request: its headers, path parameters, query and body, read when asked for."""

    __slots__ = ("receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Take the ASGI scope and the channel the body comes by."""
        self.scope = scope
        self.receive = receive

    def header(self, name: bytes) -> str | None:
        """Return the first header of that (lower case) name, or None."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value, "latin-1")
        return None

    def bearer(self) -> str | None:
        """Return the token of `Authorization: Bearer TOKEN`, or None."""
        scheme, _, token = (self.header(b"authorization") or "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    @property
    def received_at(self) -> float:
        """When the request was received, in epoch seconds of this gateway's clock: the time tokens are judged by.

        What is registered is judged by the registry's clock, which can be another machine's.
        """
        received_at: float = self.scope["received_at"]
        return received_at

    def param(self, name: str) -> str:
        """Return a path parameter, percent-decoded."""
        value: str = self.scope["path_params"][name]
        return value

    def query(self, name: str) -> str | None:
        """Return the last query parameter of that name, or None."""
        values = self.queries(name)
        return values[-1] if values else None

    def queries(self, name: str) -> Sequence[str]:
        """Return all query parameters of that name, in their order."""
        raw: bytes = self.scope.get("query_string", b"")
        return parse_qs(raw.decode("latin-1"), keep_blank_values=True).get(name, ()) if raw else ()

    async def body(self) -> bytes:
        """Return the whole body. JSON is in UTF-8 then, whichever Unicode encoding it came in.

        Raises:
            BodyTooLarge: It is larger than the configured limit; the rest is not read.
            BodyCutShort: The client has gone, or was dropped, before its end: part of a body is none.
        """
        return await read_body(self.receive, self.header(b"content-length"), self._settings.max_body_bytes)

    def lasts_long(self) -> None:
        """Have this request counted in /metrics, and its duration not: it lasts for as long as the client wants."""
        self.scope["lasting"] = True

    async def until_gone(self) -> None:
        """Wait until the client has left. The body, if there is one, must have been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """Return the result of `awaited`, which may take long: see `lasts_long`. If the client leaves, it is cancelled.

        Give `awaited` a limit of its own. The body, if there is one, must have been read.

        Raises:
            ClientDisconnect: The client has left. There is nobody to answer; let it pass.
        """
        self.lasts_long()
        result, gone = asyncio.ensure_future(awaited), asyncio.create_task(self.until_gone())
        try:
            await asyncio.wait((result, gone), return_when=asyncio.FIRST_COMPLETED)
            if result.done():
                return result.result()
            raise ClientDisconnect
        finally:
            result.cancel()
            gone.cancel()

    def answer(self, rendered: Rendered) -> Answer:
        """Return 200 with the body and its ETag, or 304 without if the client says that it has just that."""
        known = self.header(b"if-none-match")
        headers = {"ETag": rendered.etag}
        if known is not None and (known.strip() == "*" or rendered.etag in _tags(known)):
            return Answer(304, headers=headers)
        answer = body_answer(rendered, headers=headers)
        answer.headers.append(NOSNIFF)
        return answer

    @property
    def request_id(self) -> str:
        """The id under which this request is found in the log."""
        return request_id(self.scope)

    def actor(self, name: str) -> Actor:
        """Return who does what this request asks for, with its address and request id."""
        client = self.scope.get("client")
        return Actor(name, client[0] if client else None, self.request_id)

    def base_url(self) -> str:
        """Return the URL this gateway is reached under, without a slash at the end.

        The configured public URL, else the scheme and `Host` of the request: uvicorn has applied the
        `X-Forwarded-Proto` of trusted proxies by now. `X-Forwarded-Host` is ignored. A `Host` may hold anything:
        see `check_host`.
        """
        settings = self._settings
        if settings.public_url is not None:
            return settings.public_url.rstrip("/")
        if self.scope["scheme"] == "http" and self.header(b"x-forwarded-proto") == "https":
            _warn_of_proxy(self.scope.get("client"))
        host = self.header(b"host") or f"localhost:{settings.port}"  # HTTP/1.0 needs to send none
        return f"{self.scope['scheme']}://{host}{settings.root_path}"

    def check_host(self) -> None:
        """Check the `Host` that `base_url` is made of, before it is handed out.

        Raises:
            HTTPException: With 400, there are two, or it is not a host with an optional port (RFC 3986, 3.2).
        """
        if self._settings.public_url is not None:
            return
        hosts = [str(value, "latin-1") for name, value in self.scope["headers"] if name == b"host"]
        if len(hosts) > 1:
            raise HTTPException(400, "The request has more than one Host header")
        if hosts and hosts[0] and not is_authority(hosts[0]):
            raise HTTPException(400, "The Host header is not a host name or address with an optional port")

    @property
    def _settings(self) -> Settings:
        settings: Settings = self.scope["settings"]
        return settings


_MOST_PROXIES = 100
_untrusted: set[str] = set()


def _warn_of_proxy(client: tuple[str, int] | None) -> None:
    """Say that a proxy offers HTTPS and is not believed: once for each address, as anybody can send that header."""
    address = client[0] if client else "-"
    if address in _untrusted or len(_untrusted) >= _MOST_PROXIES:
        return
    _untrusted.add(address)
    log.warning(
        "a proxy says that clients come by https, and is not trusted: the URLs handed out begin with http; "
        "set %sPUBLIC_URL, or name the proxy in %sFORWARDED_ALLOW_IPS",
        PREFIX,
        PREFIX,
        extra={"client": address},
    )


def _tags(if_none_match: str) -> set[str]:
    """Return the tags of an If-None-Match; it compares weakly (RFC 9110, 13.1.2), so `W/` says nothing."""
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


def request_id(scope: Scope) -> str:
    """Return the id of a request: given by the server, stable while the request lasts."""
    known: str | None = scope.get("request_id")
    if known is None:
        known = scope["request_id"] = f"req_{_PROCESS}{next(_numbers):08x}"
    return known
