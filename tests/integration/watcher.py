"""A watcher of the catalogue: a real client of a real server in this process, which reads what browsers read."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import httpx
import uvicorn
from httpx_sse import EventSource, ServerSentEvent
from uvicorn.server import ServerState

from registry_gateway.http.protocol import Connection
from tests.conftest import gateway_of

EVENTS = "/catalog/v1/events"
PATIENCE = 20.0
"""Seconds a message may take: for a loaded machine."""


@asynccontextmanager
async def listening(client: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the gateway of `client` on loopback; a client of that server. (An ASGI transport reads answers whole.)"""
    config = uvicorn.Config(gateway_of(client), http=Connection, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(config, state, {}), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # It reads no certificates of authorities, which takes as long as the rest of a small test.
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", verify=False, trust_env=False, timeout=PATIENCE
    ) as remote:
        try:
            yield remote
        finally:
            server.close()
            for left in list(state.connections):
                left.transport.abort()
            await server.wait_closed()
            if state.tasks:
                await asyncio.wait(state.tasks)


class Watcher:
    """What one watcher is sent, message by message."""

    def __init__(self, messages: AsyncIterator[ServerSentEvent]) -> None:
        self._messages = messages
        self.last_id = ""

    async def message(self) -> ServerSentEvent:
        """The next message. (httpx-sse makes an empty one of a comment; browsers make none.)"""
        with anyio.fail_after(PATIENCE):
            message = await anext(self._messages)
            while not message.data and message.id == self.last_id and message.retry is None:
                message = await anext(self._messages)
        self.last_id = message.id or self.last_id
        return message

    async def snapshot(self) -> list[dict[str, Any]]:
        """The services up to `ready`, which counts them."""
        services = []
        while (message := await self.message()).event != "ready":
            assert message.event == "service"
            assert message.id == ""
            services.append(message.json())
        assert message.json() == {"services": len(services)}
        assert message.id.isdigit()
        return services

    async def change(self) -> dict[str, Any]:
        """The next change; its id is that of its event."""
        message = await self.message()
        assert message.event == "change", message
        change: dict[str, Any] = message.json()
        assert set(change) == {"event", "service"}
        assert message.id == str(change["event"]["id"])
        return change

    async def changes(self, number: int) -> list[tuple[str, str, bool]]:
        """The next changes: what happened, to whom, and whether it is in view now."""
        found = [await self.change() for _ in range(number)]
        return [(c["event"]["kind"], c["event"]["key"], c["service"] is not None) for c in found]

    async def ends(self) -> None:
        """Return once the stream has ended; it must."""
        with anyio.fail_after(PATIENCE):
            async for _ in self._messages:
                pass


@asynccontextmanager
async def watching(
    remote: httpx.AsyncClient, headers: Mapping[str, str] | None = None, **query: object
) -> AsyncIterator[Watcher]:
    """Watch for as long as the context is open."""
    parameters = {name: str(value) for name, value in query.items()}
    async with remote.stream("GET", EVENTS, params=parameters, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        async with aclosing(EventSource(answer).aiter_sse()) as messages:
            watcher = Watcher(messages)
            first = await watcher.message()
            assert first.retry == 2000
            yield watcher


def resuming(last_id: str) -> dict[str, str]:
    """The headers of a browser that comes back."""
    return {"Last-Event-ID": last_id}
