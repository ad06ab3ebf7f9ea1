"""Gateways that deliver webhooks, inside this process: each with a store and a deliverer of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from ipaddress import ip_network

import anyio

from registry_gateway.core.clock import Clock
from registry_gateway.core.model import EventKind
from registry_gateway.core.webhook import Attempt, Format, WebhookView
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.webhooks.deliverer import Deliverer
from registry_gateway.webhooks.sender import Sender
from registry_gateway.webhooks.webhooks import IssuedWebhook, Webhooks
from tests.contract.services import ACTOR, DIALECT, ENDS

LOOPBACK = (ip_network("127.0.0.1"),)


class Delivering:
    """A gateway that delivers while `running` is open."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Open the database."""
        self.store = Store(url)
        self.registry = Registry(self.store, {DIALECT: ENDS}, clock)
        self.webhooks = Webhooks(self.store, clock, Sender(LOOPBACK, clock), self.registry.feed.notice)
        metrics = self.registry.metrics.webhooks
        self._deliverer = Deliverer(self.store, self.registry.feed, Sender(LOOPBACK, clock), clock, metrics)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Delivering"]:
        """Deliver."""
        stopping = asyncio.Event()
        task = asyncio.create_task(self._deliverer.run(stopping))
        try:
            yield self
        finally:
            stopping.set()
            await task

    @contextlib.asynccontextmanager
    async def killed(self) -> AsyncIterator["Delivering"]:
        """Deliver, and end without releasing anything, as a process that is killed."""

        async def nothing() -> None:
            pass

        self._deliverer._holds.release = nothing  # type: ignore[method-assign] # a killed process does nothing more
        async with self.running():
            yield self

    async def add(
        self, url: str, *kinds: EventKind, form: Format = Format.JSON, dialect: str | None = None
    ) -> IssuedWebhook:
        """Add a webhook."""
        return await self.webhooks.add(url, kinds, dialect, form, ACTOR)

    async def webhook(self, number: int) -> WebhookView:
        """Return a webhook as it is shown."""
        return next(webhook for webhook in await self.webhooks.list() if webhook.id == number)

    async def wait(self, number: int, condition: Callable[[WebhookView], object]) -> WebhookView:
        """Wait until a webhook is in a state; return it."""
        with anyio.fail_after(20):
            while not condition(webhook := await self.webhook(number)):  # noqa: ASYNC110 - the database has no event
                await asyncio.sleep(0.01)
        return webhook

    async def attempts(self, number: int) -> Sequence[Attempt]:
        """Wait for an attempt to deliver; return all, newest first."""
        with anyio.fail_after(20):
            while not (attempts := await self.webhooks.deliveries(number)):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        return attempts

    async def close(self) -> None:
        """Close the database."""
        await self.registry.close()


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - another thread receives
            await asyncio.sleep(0.01)
