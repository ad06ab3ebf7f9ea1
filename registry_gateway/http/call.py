"""A request, as handlers receive it (see `routing`).

Its parts are read on demand. Starlette's Request works too, but takes more time than a heartbeat.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from itertools import count
from secrets import token_hex
from typing import TypeVar
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from registry_gateway.core.address import is_authority
from registry_gateway.core.clock import Clock
from registry_gateway.core.model import Actor
from registry_gateway.http.answer import BREAK, NOSNIFF, Answer, body_answer
from registry_gateway.http.body import read_body
from registry_gateway.http.rendered import Rendered
from registry_gateway.settings import PREFIX, Settings

T = TypeVar("T")

log = logging.getLogger("registry_gateway.requests")

_PROCESS = token_hex(8)
_numbers = count()  # with _PROCESS as unique as a UUID, but without a system call each time


class Call:
    """A request: its headers, path parameters, query and body, read on demand."""

    __slots__ = ("receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
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

    def now(self) -> float:
        """Return the time in epoch seconds of this gateway's clock, by which tokens are judged.

        Registrations are judged by the registry's clock, which may be another machine's.
        """
        clock: Clock = self.scope["clock"]
        return clock.now()

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
        """Return the whole body. JSON in UTF-16 or UTF-32 is converted to UTF-8.

        Raises:
            BodyTooLarge: It is larger than the configured limit; the rest is not read.
            BodyCutShort: The connection ended before the end of the body.
        """
        return await read_body(self.receive, self.header(b"content-length"), self._settings.max_body_bytes)

    def lasts_long(self) -> None:
        """Leave the duration of this request out of /metrics, because it depends on the client. It is still counted."""
        self.scope["lasting"] = True

    async def until_gone(self) -> None:
        """Wait until the client has disconnected. The body, if there is one, must have been read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def wait_for(self, awaited: Awaitable[T]) -> T:
        """Return the result of `awaited`, which may take long (see `lasts_long`).

        `awaited` is cancelled if the client disconnects. It needs a time limit of its own. The body, if there is one,
        must have been read.

        Raises:
            ClientDisconnect: The client has disconnected. Do not catch it: no answer can be sent.
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

    async def break_off(self) -> None:
        """Close the connection in the middle of an answer that can't be completed, so that the client notices it."""
        close = self.scope.get("extensions", {}).get(BREAK)
        if close is not None:
            close()
            await self.until_gone()

    def answer(
        self,
        rendered: Rendered,
        media_type: bytes = b"application/json",
        more_headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return 200 with the body and its ETag, or 304 without a body if If-None-Match has that ETag."""
        known = self.header(b"if-none-match")
        if known is not None and (known.strip() == "*" or rendered.etag in _tags(known)):
            return Answer(304, headers={"ETag": rendered.etag, **(more_headers or {})})
        answer = body_answer(rendered, media_type, more_headers)
        answer.headers += ((b"etag", rendered.etag.encode()), NOSNIFF)
        return answer

    @property
    def request_id(self) -> str:
        """The id of this request in the log."""
        return request_id(self.scope)

    def actor(self, name: str) -> Actor:
        """Return the actor `name` with the client's address and the request id, for events."""
        client = self.scope.get("client")
        return Actor(name, client[0] if client else None, request_id(self.scope))

    def base_url(self) -> str:
        """Return the base URL of this gateway, without a slash at the end.

        It is the configured public URL, else made of the scheme and `Host` of the request. uvicorn has applied the
        `X-Forwarded-Proto` of trusted proxies already. `X-Forwarded-Host` is ignored. `Host` is not checked: see
        `check_host`.
        """
        settings = self._settings
        if settings.public_url is not None:
            return settings.public_url.rstrip("/")
        if self.scope["scheme"] == "http" and self.header(b"x-forwarded-proto") == "https":
            _warn_of_proxy(self.scope.get("client"))
        host = self.header(b"host") or f"localhost:{settings.port}"  # HTTP/1.0 requires none
        return f"{self.scope['scheme']}://{host}{settings.root_path}"

    def check_host(self) -> None:
        """Check the `Host` header that `base_url` uses. Call it before an answer contains that URL.

        Raises:
            HTTPException: 400: there are two, or it is not a host with an optional port (RFC 3986, 3.2).
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
    """Log that an untrusted proxy sends X-Forwarded-Proto: https. Once per address, as any client can send it."""
    address = client[0] if client else "-"
    if address in _untrusted or len(_untrusted) >= _MOST_PROXIES:
        return
    _untrusted.add(address)
    log.warning(
        "X-Forwarded-Proto: https was ignored because the proxy is not trusted, so URLs in answers begin with http; "
        "set %sPUBLIC_URL, or add the proxy to %sFORWARDED_ALLOW_IPS",
        PREFIX,
        PREFIX,
        extra={"client": address},
    )


def _tags(if_none_match: str) -> set[str]:
    """Return the tags of an If-None-Match without `W/`, because its comparison is weak (RFC 9110, 13.1.2)."""
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


def request_id(scope: Scope) -> str:
    """Return the id of a request. It is created at the first call and stored in the scope."""
    known: str | None = scope.get("request_id")
    if known is None:
        known = scope["request_id"] = f"req_{_PROCESS}{next(_numbers):08x}"
    return known
