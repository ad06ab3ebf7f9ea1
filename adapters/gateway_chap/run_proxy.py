"""The run proxy: GET and HEAD requests to a live service, through the gateway."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import httpx
from starlette.exceptions import HTTPException
from starlette.types import Scope, Send

from gateway_chap import run_message
from gateway_chap.faults import RunFailed
from registry_gateway.adapter import Answer, Call, CheckedTransport, Destinations, ForbiddenAddress

TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=10.0, pool=5.0).as_dict()
"""Seconds for connecting to an address, and for each part of an answer."""

ANSWER_SECONDS = 60.0
"""Seconds within which a service must begin to answer, redirects included."""

STREAM_SECONDS = 1_800.0
"""Seconds that an answer may take after it has begun."""

STOP_SECONDS = 3.0
"""The same when the gateway stops."""

MOST_STREAMS = 100
"""Most requests that a process passes on at a time."""

MOST_STREAMS_OF_A_SERVICE = 20
"""Most of these to one service, so that a service that hangs leaves room for the others."""

MOST_REDIRECTS = 5
"""Most redirects that are followed for a request."""

log = logging.getLogger("registry_gateway.run_proxy")


class RunProxy:
    """Passes requests on to services, with limits on time and number. `opened` enables it."""

    def __init__(self, stopping: asyncio.Event, *, own: bool) -> None:
        """Pass requests on.

        Args:
            stopping: Set when the gateway begins to stop.
            own: Whether services may be at loopback addresses, and at others of the gateway's machine.
        """
        self._stopping = stopping
        self._destinations = Destinations(private=True, own=own)
        self._transport: httpx.AsyncBaseTransport | None = None
        self._streams: Counter[str] = Counter()
        self._limits: set[asyncio.Timeout] = set()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep an HTTP client open during the context."""
        async with await asyncio.to_thread(CheckedTransport, self._destinations) as self._transport:
            hurrying = asyncio.create_task(self._hurry(), name="run proxy")
            try:
                yield
            finally:
                self._transport = None
                hurrying.cancel()

    async def answer(self, call: Call, key: str, address: str) -> Answer:
        """Return the answer of the service `key`, which is at `address`, to a request.

        Raises:
            RunFailed: There is none: the service can't be reached, is too slow, or too many requests are running.
            HTTPException: The path is not one below the service (404), or would lead out of its URL (400).
        """
        path = run_message.path_below(call.scope.get("raw_path") or b"", key)
        if path is None:
            raise HTTPException(404)
        if run_message.climbs(path):
            raise HTTPException(400, "The path leads out of the service's URL")
        headers = call.scope["headers"]
        if run_message.is_own(headers):
            raise RunFailed(502, f"Service {key} is at an address that leads back to this gateway")
        url = run_message.server(address)
        if url is None:
            raise RunFailed(502, f"Service {key} has an address that is not an http or https URL")
        target = run_message.target(url, path, call.scope["query_string"])
        request = httpx.Request(
            call.scope["method"],
            url,
            headers=list(run_message.sent(headers)),
            extensions={"target": target, "timeout": TIMEOUT},
        )
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self._stream(key))
            response = await call.wait_for(self._begun(key, request))
            stack.push_async_callback(response.aclose)
            return Relayed(call, key, response, self._within(STREAM_SECONDS), stack.pop_all())

    async def _begun(self, key: str, request: httpx.Request) -> httpx.Response:
        """Return the answer to a request, with its body still to be read."""
        try:
            async with self._within(ANSWER_SECONDS):
                return await self._followed(request)
        except (TimeoutError, httpx.TimeoutException) as error:
            if self._stopping.is_set():
                raise RunFailed(503, "The gateway stops") from error
            raise RunFailed(504, f"Service {key} did not answer in time", str(error)) from error
        except ForbiddenAddress as error:
            detail = f"Service {key} is at an address to which this gateway makes no connections"
            raise RunFailed(502, detail, str(error)) from error
        except httpx.RequestError as error:
            raise RunFailed(502, f"Service {key} is unreachable", str(error) or type(error).__name__) from error
        except ValueError as error:
            raise RunFailed(502, f"Service {key} gives no usable answer: {error}") from error

    async def _followed(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to a request, after the redirects that stay on the server.

        Raises:
            ValueError: The answer can't be passed on. The message gives the reason.
        """
        if self._transport is None:
            raise httpx.ConnectError("the gateway stops")
        for _ in range(MOST_REDIRECTS + 1):
            response = await self._transport.handle_async_request(request)
            try:
                to = run_message.followed(request.url, response.status_code, response.headers.get("location"))
                if not 200 <= response.status_code < 600:
                    raise ValueError(f"it has the status {response.status_code}")
            except ValueError:
                await response.aclose()
                raise
            if to is None:
                return response
            await response.aclose()
            extensions = {**request.extensions, "target": to.raw_path}
            request = httpx.Request(request.method, to, headers=request.headers, extensions=extensions)
        raise ValueError(f"it redirects more than {MOST_REDIRECTS} times")

    @contextlib.contextmanager
    def _stream(self, key: str) -> Iterator[None]:
        """Count a request while the context is open.

        Raises:
            RunFailed: There are too many.
        """
        if self._streams.total() >= MOST_STREAMS:
            raise RunFailed(503, f"This gateway passes {MOST_STREAMS} requests on at a time; try again later")
        if self._streams[key] >= MOST_STREAMS_OF_A_SERVICE:
            limit = MOST_STREAMS_OF_A_SERVICE
            raise RunFailed(503, f"This gateway passes {limit} requests on to a service at a time; try again later")
        self._streams[key] += 1
        try:
            yield
        finally:
            self._streams[key] -= 1
            if not self._streams[key]:
                del self._streams[key]

    @contextlib.asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        """Limit the time of the context, to `STOP_SECONDS` from the moment when the gateway begins to stop.

        Raises:
            TimeoutError: It takes longer.
        """
        async with asyncio.timeout(min(seconds, STOP_SECONDS) if self._stopping.is_set() else seconds) as limit:
            self._limits.add(limit)
            try:
                yield
            finally:
                self._limits.discard(limit)

    async def _hurry(self) -> None:
        """Shorten all limits when the gateway begins to stop."""
        await self._stopping.wait()
        latest = asyncio.get_running_loop().time() + STOP_SECONDS
        for limit in self._limits:
            limit.reschedule(min(latest, limit.when() or latest))


class Relayed(Answer):
    """The answer of a service, passed on as it arrives."""

    __slots__ = ("_call", "_key", "_limit", "_open", "_response")

    def __init__(
        self,
        call: Call,
        key: str,
        response: httpx.Response,
        limit: contextlib.AbstractAsyncContextManager[None],
        open_: contextlib.AsyncExitStack,
    ) -> None:
        """Pass `response` on within `limit`; `open_` is closed at the end."""
        super().__init__(response.status_code)
        fields = [(name.lower(), value) for name, value in response.headers.raw]
        self.headers = list(run_message.returned(response.status_code, fields))
        self._call = call
        self._key = key
        self._response = response
        self._limit = limit
        self._open = open_

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the answer until it ends, or the client disconnects. If it breaks off, the connection is closed."""
        async with self._open:
            try:
                await self._call.wait_for(self._copy(scope["method"], send))
            except (TimeoutError, httpx.HTTPError) as error:
                fields = {"key": self._key, "reason": str(error) or type(error).__name__}
                log.warning("the answer of a service broke off", extra=fields)
                await self._call.break_off()

    async def _copy(self, method: str, send: Send) -> None:
        async with self._limit:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            if method != "HEAD":
                async for piece in self._response.aiter_raw():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
