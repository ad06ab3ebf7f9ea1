"""The catalogue of a gateway, for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar, Unpack

import anyio
import httpx
from httpx_sse import EventSource, ServerSentEvent

from registry_gateway.client import requests, seconds
from registry_gateway.client.answers import Body, read, refusal
from registry_gateway.client.attempts import Attempts
from registry_gateway.client.errors import GatewayError
from registry_gateway.client.filters import ListFilters, LogFilters, PastFilters, ServiceFilters, ToolFilters
from registry_gateway.client.gateway import TIMEOUT, WATCH_TIMEOUT, Gateway
from registry_gateway.client.reply import Reply
from registry_gateway.client.requests import Get, P, Pages
from registry_gateway.client.services import PastService, Service
from registry_gateway.client.tls import Verify
from registry_gateway.client.waiting import Waiting
from registry_gateway.client.watch import News, Watch
from registry_gateway.core.model import Event
from registry_gateway.core.status import Status
from registry_gateway.wire.catalogue import ServiceDetail
from registry_gateway.wire.tools import Tool, ToolDetail

MOST_READS = 100
"""Most reads at once. Others wait for their turn. In the queue of httpx they would time out, and slow it down."""

T = TypeVar("T")


class AsyncCatalogue:
    """The catalogue of a gateway. An asynchronous context manager, which closes its connections at the end.

    Everything raises `GatewayError`. Failures that may pass are repeated before that.
    """

    def __init__(self, url: str, token: str | None = None, *, verify: Verify = None, retry_for: float = 30.0) -> None:
        """Describe the gateway; nothing is sent yet. For the arguments see `Catalogue`."""
        self._gateway = Gateway(url, token, verify, retry_for)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._prepare()

    def _prepare(self) -> None:
        self._http = self._gateway.async_client()
        self._turns = asyncio.Semaphore(MOST_READS)

    def __repr__(self) -> str:
        return f"AsyncCatalogue({self._gateway.name!r})"

    async def __aenter__(self) -> Self:
        """Return the catalogue."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._connected().aclose()

    def services(self, **filters: Unpack[ListFilters]) -> AsyncIterator[Service]:
        """Yield the services that match, page by page."""
        return self._all(requests.services(filters))

    def services_at(self, moment: datetime | float, **filters: Unpack[PastFilters]) -> AsyncIterator[PastService]:
        """Yield the services that were alive at a moment. For details see `Catalogue`."""
        return self._all(requests.services_at(moment, filters))

    async def service(self, dialect: str, key: str) -> ServiceDetail:
        """Return all details of a service. For details see `Catalogue`."""
        return await self._get(requests.service(dialect, key))

    def tools(self, **filters: Unpack[ToolFilters]) -> AsyncIterator[Tool]:
        """Yield the tools of the registered services, by name."""
        return self._all(requests.tools(filters))

    async def tool(self, name: str) -> ToolDetail:
        """Return a tool with the services that have it. For details see `Catalogue`."""
        return await self._get(requests.tool(name))

    def log(self, **filters: Unpack[LogFilters]) -> AsyncIterator[Event]:
        """Yield the events that match, the newest first, page by page."""
        return self._all(requests.log(filters))

    def watch(self, **filters: Unpack[ServiceFilters]) -> AsyncGenerator[News]:
        """Yield the current services, then each change as it happens. For details see `Catalogue`."""
        return watched(self._gateway, filters)

    async def wait_until(
        self,
        key: str,
        status: str = Status.UP,
        *,
        dialect: str | None = None,
        timeout: float = 60.0,  # noqa: ASYNC109 - the error says what was waited for, and how it stands
    ) -> Service | None:
        """Return a service once it has a status. For details see `Catalogue`."""
        return await waited(self._gateway, Waiting(key, status, dialect), timeout)

    def _connected(self) -> httpx.AsyncClient:
        """Return the HTTP client of the running event loop: connections of another one can't be used."""
        loop = asyncio.get_running_loop()
        if self._loop not in (None, loop):
            self._prepare()
        self._loop = loop
        return self._http

    async def _all(self, pages: Pages[P, T]) -> AsyncIterator[T]:
        while pages.page is not None:
            for entry in pages.take(await self._get(pages.page)):
                yield entry

    async def _get(self, wanted: Get[T]) -> T:
        attempts = Attempts(self._gateway.retry_for)
        while True:
            try:
                with self._gateway.in_words():
                    answer = await self._answer(wanted.path)
                return read(answer, wanted.kind, self._gateway.name, with_token=self._gateway.with_token)
            except GatewayError as error:
                pause = attempts.pause(error)
            await anyio.sleep(pause)

    async def _answer(self, path: str) -> Reply:
        http = self._connected()
        async with self._turns, http.stream("GET", path) as response:
            return await _whole(response, self._gateway.name)


async def watched(gateway: Gateway, filters: ServiceFilters) -> AsyncGenerator[News]:
    """Yield what a watch receives, over any number of connections."""
    watch = Watch(gateway, filters)
    async with gateway.async_client() as http:
        while True:
            try:
                async with _messages(http, gateway, *watch.request()) as messages:
                    async for message in messages:
                        if (news := watch.received(message)) is not None:
                            yield news
                raise watch.ended()
            except GatewayError as error:
                pause = watch.pause(error)
            await anyio.sleep(pause)


async def waited(
    gateway: Gateway,
    waiting: Waiting,
    timeout: float,  # noqa: ASYNC109 - the error says what was waited for, and how it stands
) -> Service | None:
    """Return a service once it has the status that is waited for.

    Raises:
        NotReached: It has not after `timeout` seconds.
        ValueError: `timeout` is negative, more than `LONGEST`, or not a number.
    """
    with anyio.move_on_after(seconds.checked(timeout, "timeout")):
        async with aclosing(watched(gateway, waiting.filters)) as news:
            async for one in news:
                if waiting.reached(one):
                    return waiting.service
    raise waiting.late(timeout)


@asynccontextmanager
async def _messages(
    http: httpx.AsyncClient, gateway: Gateway, path: str, headers: dict[str, str]
) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    with gateway.in_words():
        async with http.stream(
            "GET", path, headers=headers, timeout=httpx.Timeout(TIMEOUT, read=WATCH_TIMEOUT)
        ) as response:
            if response.status_code != 200:
                answer = await _whole(response, gateway.name)
                raise refusal(answer, gateway.name, with_token=gateway.with_token)
            yield EventSource(response).aiter_sse()


async def _whole(response: httpx.Response, name: str) -> Reply:
    body = Body(name)
    async for piece in response.aiter_bytes():
        body.add(piece)
    return Reply(response.status_code, response.headers, body.whole())
