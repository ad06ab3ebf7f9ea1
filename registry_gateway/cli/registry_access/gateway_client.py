"""Requests to a gateway, and its answers as structs, or as errors for the person at the command line."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
import msgspec

from registry_gateway.cli.registry_access.refusals import GatewayAway, is_problem, refusal
from registry_gateway.client.reply import Reply
from registry_gateway.endpoints.admin.wire import Data
from registry_gateway.http.body import parse
from registry_gateway.http.remote_server import (
    PIECE_SECONDS,
    RemoteServer,
    Unanswered,
    Unreachable,
    shown,
    whole,
)

PAGE_BYTES = 64 * 2**20
"""Largest answer that is read, in bytes: a page of a thousand services with many tools."""

T = TypeVar("T")


class GatewayClient:
    """A client of one gateway. `name` is what the gateway is called in messages, `date` the `Date` of its last answer.

    All methods raise `Unreachable` if there is no usable answer, and otherwise what `refusal` returns.
    """

    def __init__(self, server: RemoteServer, url: str, *, with_token: bool) -> None:
        """`server` sends the token, if `with_token` is set."""
        self.name = shown(url)
        self.date: str | None = None
        self._server = server
        self._url = url
        self._with_token = with_token

    async def get(self, path: str, kind: type[T]) -> T:
        """Return the answer to a GET."""
        found = await self.find(path, kind)
        if found is None:
            raise Unreachable(
                f"{self.name} is not a registry-gateway, or an older one: it has no /{path.partition('?')[0]}"
            )
        return found

    async def find(self, path: str, kind: type[T]) -> T | None:
        """Return the answer to a GET; None for a 404 of the catalogue."""
        reply = await self._server.get(f"{self._url}/{path}", PAGE_BYTES)
        if reply.status == 404 and path.startswith("catalog/") and is_problem(reply):
            return None
        return self._taken(path, reply, kind)

    async def administer(
        self, path: str, kind: type[T], body: Mapping[str, object], piece_seconds: float = PIECE_SECONDS
    ) -> T:
        """Return the answer to a POST to `/admin/v1`, which comes within `piece_seconds`."""
        path = f"admin/v1/{path}"
        reply = await self._server.post(f"{self._url}/{path}", msgspec.json.encode(body), piece_seconds)
        return self._taken(path, reply, Data[kind]).data  # type: ignore[valid-type] # the type is a value here

    async def change(self, path: str, kind: type[T], body: Mapping[str, object]) -> T:
        """Make a change with a POST to `/admin/v1`, and return the answer."""
        try:
            return await self.administer(path, kind, body)
        except (Unanswered, GatewayAway) as error:
            raise type(error)(f"{error}; the change may have been made; check that before you repeat it") from None

    @asynccontextmanager
    async def stream(self, path: str, media_type: str, piece_seconds: float) -> AsyncIterator[httpx.Response]:
        """Open a GET whose answer of `media_type` is read while it arrives; each piece may take `piece_seconds`."""
        async with self._server.stream(f"{self._url}/{path}", piece_seconds) as answer:
            if answer.status_code != 200 or not _has(answer.headers, media_type):
                raise self._refusal(path, await whole(answer))
            yield answer

    def decoded(self, body: bytes, kind: type[T]) -> T:
        """Return a body as `kind`."""
        try:
            return parse(body, msgspec.json.Decoder(kind))
        except msgspec.DecodeError as flaw:
            raise Unreachable(f"unexpected answer of {self.name}: {flaw}") from None

    def _taken(self, path: str, reply: Reply, kind: type[T]) -> T:
        if reply.status not in (200, 201) or not _has(reply.headers, "application/json"):
            raise self._refusal(path, reply)
        self.date = reply.headers.get("date")
        return self.decoded(reply.body, kind)

    def _refusal(self, path: str, reply: Reply) -> Exception:
        return refusal(self.name, path.partition("?")[0], reply, with_token=self._with_token)


def _has(headers: Mapping[str, str], media_type: str) -> bool:
    return headers.get("content-type", "").startswith(media_type)
