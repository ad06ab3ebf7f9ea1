"""The catalogue of a gateway."""

import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx
from anyio.from_thread import start_blocking_portal
from httpx_sse import EventSource, ServerSentEvent

from registry_gateway.client import requests
from registry_gateway.client.answers import Body, read, refusal
from registry_gateway.client.async_catalogue import waited
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

T = TypeVar("T")


class Catalogue:
    """The catalogue of a gateway. A context manager, which closes its connections at the end.

    Everything raises `GatewayError`. Failures that may pass are repeated before that: no connection, 429, 502, 503 and
    504, at the time that `Retry-After` gives. May be used by several threads.
    """

    def __init__(self, url: str, token: str | None = None, *, verify: Verify = None, retry_for: float = 30.0) -> None:
        """Describe the gateway; nothing is sent yet.

        Args:
            url: Its URL, such as https://registry.example.org.
            token: The token of an account; None if reading is open.
            verify: Which certificates are trusted: an `ssl.SSLContext`, or the path of a file with the certificates of
                authorities. None: those of `SSL_CERT_FILE`, else those of certifi.
            retry_for: Seconds for which a read that fails is repeated; 0: not at all.

        Raises:
            ValueError: One of them can't be used.
        """
        self._gateway = Gateway(url, token, verify, retry_for)
        self._http = self._gateway.client()
        self._process = os.getpid()

    def __repr__(self) -> str:
        return f"Catalogue({self._gateway.name!r})"

    def __enter__(self) -> Self:
        """Return the catalogue."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if self._process == os.getpid():
            self._http.close()

    def services(self, **filters: Unpack[ListFilters]) -> Iterator[Service]:
        """Yield the services that match, page by page."""
        return self._all(requests.services(filters))

    def services_at(self, moment: datetime | float, **filters: Unpack[PastFilters]) -> Iterator[PastService]:
        """Yield the services that were alive at a moment: a time with a time zone, or epoch seconds.

        Raises:
            NotKept: The log of events does not reach back that far.
        """
        return self._all(requests.services_at(moment, filters))

    def service(self, dialect: str, key: str) -> ServiceDetail:
        """Return all details of a service, also of one that is gone.

        Raises:
            NotFound: There is none, nor one in the log of events.
        """
        return self._get(requests.service(dialect, key))

    def tools(self, **filters: Unpack[ToolFilters]) -> Iterator[Tool]:
        """Yield the tools of the registered services, by name."""
        return self._all(requests.tools(filters))

    def tool(self, name: str) -> ToolDetail:
        """Return a tool with the first thousand services that have it, live ones first.

        Raises:
            NotFound: No service has it.
        """
        return self._get(requests.tool(name))

    def log(self, **filters: Unpack[LogFilters]) -> Iterator[Event]:
        """Yield the events that match, the newest first, page by page."""
        return self._all(requests.log(filters))

    def watch(self, **filters: Unpack[ServiceFilters]) -> Generator[News]:
        """Yield the current services as a `Snapshot`, then each `Change` as it happens.

        It ends when it is closed. When its connection breaks, it connects again, with pauses that grow to 30 seconds,
        and continues after the last change. If the gateway does not have all events since then, another `Snapshot`
        follows, with `missed`. It raises only if no connection succeeds within `retry_for` at first, or if the gateway
        refuses it.
        """
        watch = Watch(self._gateway, filters)
        while True:
            try:
                with self._messages(*watch.request()) as messages:
                    for message in messages:
                        if (news := watch.received(message)) is not None:
                            yield news
                raise watch.ended()
            except GatewayError as error:
                pause = watch.pause(error)
            time.sleep(pause)

    def wait_until(
        self, key: str, status: str = Status.UP, *, dialect: str | None = None, timeout: float = 60.0
    ) -> Service | None:
        """Return a service once it has a status, which it may have already.

        It follows the watch, so the wait ends with the event that changes the status.

        Args:
            key: The key of the service.
            status: The status to wait for. A service that was never registered is gone.
            dialect: Its dialect; None: any.
            timeout: Seconds to wait.

        Returns:
            The service; None if it is gone.

        Raises:
            NotReached: It has not that status after `timeout`. Also a `TimeoutError`.
            ValueError: There is no such status, or `timeout` can't be used.
        """
        waiting = Waiting(key, status, dialect)
        # A read of a socket can't be given a deadline, only a longest time without a byte.
        with start_blocking_portal() as portal:
            return portal.call(waited, self._gateway, waiting, timeout)

    def _connected(self) -> httpx.Client:
        """Return the HTTP client of this process. Those of a process that it was forked from would be used by both."""
        if self._process != os.getpid():
            self._http = self._gateway.client()
            self._process = os.getpid()
        return self._http

    def _all(self, pages: Pages[P, T]) -> Iterator[T]:
        while pages.page is not None:
            yield from pages.take(self._get(pages.page))

    def _get(self, wanted: Get[T]) -> T:
        attempts = Attempts(self._gateway.retry_for)
        while True:
            try:
                with self._gateway.in_words(), self._connected().stream("GET", wanted.path) as response:
                    answer = _whole(response, self._gateway.name)
                return read(answer, wanted.kind, self._gateway.name, with_token=self._gateway.with_token)
            except GatewayError as error:
                pause = attempts.pause(error)
            time.sleep(pause)

    @contextmanager
    def _messages(self, path: str, headers: dict[str, str]) -> Iterator[Iterator[ServerSentEvent]]:
        timeout = httpx.Timeout(TIMEOUT, read=WATCH_TIMEOUT)
        with (
            self._gateway.in_words(),
            self._connected().stream("GET", path, headers=headers, timeout=timeout) as response,
        ):
            if response.status_code != 200:
                answer = _whole(response, self._gateway.name)
                raise refusal(answer, self._gateway.name, with_token=self._gateway.with_token)
            yield EventSource(response).iter_sse()


def _whole(response: httpx.Response, name: str) -> Reply:
    body = Body(name)
    for piece in response.iter_bytes():
        body.add(piece)
    return Reply(response.status_code, response.headers, body.whole())
