"""Holds: one gateway at a time delivers for a webhook, until its hold ends or is released.

A hold is taken by one guarded statement and lasts `HOLD_SECONDS`. It is renewed while a delivery takes long. A gateway
that dies releases nothing; another one takes the webhook when the time is over.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.core.model import GATEWAY, Event, EventKind
from registry_gateway.core.webhook_events import happened
from registry_gateway.core.webhook_schedule import HOLD_SECONDS, RENEW_SECONDS
from registry_gateway.observability import event_log
from registry_gateway.registry.group_commit import GroupCommit
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, lease_clock
from registry_gateway.store.statements import webhooks as statements
from registry_gateway.store.statements.webhooks import Progress, Taken

MOST_TOGETHER = 20
"""Most results that share a transaction, so that no heartbeat waits long for it."""

RETRY_SECONDS = 0.5
"""Seconds between two attempts to store a result while the database can't be reached."""


class Holds:
    """The webhooks that this process holds."""

    def __init__(self, store: Store, clock: Clock, notice: Callable[[], None]) -> None:
        """`notice` is called after an event was recorded, so that it is read at once."""
        self._store = store
        self._clock = clock
        self._notice = notice
        self.holder = secrets.token_hex(8)
        self._until: dict[int, float] = {}
        """By webhook, until when (monotonic) it is certainly held."""
        self._saving: GroupCommit[Progress, bool] = GroupCommit(self._save, batch=MOST_TOGETHER, writing=True)

    async def take(self, numbers: Sequence[int], last: int) -> Sequence[Taken]:
        """Take webhooks; return those that were free. The next message of each ends at the event `last`.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        before = self._clock.monotonic()
        taken = await self._store.write(lambda c: statements.take(c, numbers, self.holder, self._time(c), last))
        self._until |= {one.webhook.id: before + HOLD_SECONDS for one in taken}
        return taken

    def held(self, number: int) -> bool:
        """Return whether a webhook is certainly held now."""
        return self._clock.monotonic() < self._until.get(number, 0.0)

    async def store(self, progress: Progress) -> bool:
        """Store the result of an attempt; return whether the webhook was held. If not, nothing is stored.

        While it is held, the database is waited for.

        Raises:
            StoreUnavailable: The database could not be reached while it was held.
        """
        while True:
            try:
                return await self._saving.submit(progress)
            except StoreUnavailable:
                if not self.held(progress.webhook.id):
                    raise
                await asyncio.sleep(RETRY_SECONDS)

    async def move(self, moved: Mapping[int, tuple[int, int]]) -> None:
        """Move positions of webhooks, by id from the first number to the second, unless they are further already.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        if moved:
            await self._store.write(lambda c: statements.advance(c, moved))

    def drop(self, number: int) -> None:
        """Forget a webhook whose delivery has ended."""
        self._until.pop(number, None)

    async def keep_renewed(self, running: Mapping[int, asyncio.Task[None]]) -> None:
        """Renew holds of deliveries that take long, until cancelled. A delivery that lost its hold is cancelled."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            before, tasks = self._clock.monotonic(), dict(running)
            if all(until > before + HOLD_SECONDS - RENEW_SECONDS for until in self._until.values()):
                continue
            try:
                held = await self._store.write(lambda c: statements.renew(c, self.holder, self._time(c)))
            except StoreUnavailable:
                continue  # a hold that could not be renewed ends by itself
            for number, task in tasks.items():
                if number not in held:
                    task.cancel()
                elif running.get(number) is task:
                    self._until[number] = before + HOLD_SECONDS

    async def release(self) -> None:
        """End all holds of this process.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        await self._store.write(lambda c: statements.release(c, self.holder))

    def _time(self, connection: Connection) -> float:
        return lease_clock.read(connection, self._clock)

    async def _save(self, progress: Sequence[Progress]) -> Sequence[bool]:
        def work(connection: Connection) -> tuple[list[bool], list[Event]]:
            held = statements.save(connection, progress, self.holder)
            now = self._time(connection)
            ended = [
                happened(EventKind.WEBHOOK_DISABLED, p.webhook, GATEWAY, now, p.webhook.disabled_reason)
                for p, kept in zip(progress, held, strict=True)
                if kept and p.webhook.disabled_at is not None
            ]
            events.record(connection, ended)
            return held, ended

        held, ended = await self._store.write(work)
        event_log.report(ended)
        if ended:
            self._notice()
        return held
