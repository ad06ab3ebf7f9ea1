"""Delivery: a task for each webhook with events to deliver, in the gateway that holds the webhook.

Every gateway process runs a deliverer. It looks at all webhooks when there are new events, when an attempt is due, and
once a second, and tries to take those that have a message (see `holds`). So the messages of a webhook stay in order.
The position is stored after each attempt. A gateway that dies leaves it as it was, and another one continues there: a
message may be sent twice, but none is lost.
"""

import asyncio
import logging
import random
from collections.abc import Coroutine, Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection

from registry_gateway.core import webhook_schedule as schedule
from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.core.webhook import Attempt, Webhook
from registry_gateway.observability.metrics import WebhookMetrics
from registry_gateway.registry.event_feed import EventFeed
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, lease_clock
from registry_gateway.store.statements import webhooks as statements
from registry_gateway.store.statements.webhooks import Progress, Taken
from registry_gateway.webhooks import signature
from registry_gateway.webhooks.backlog import Backlog
from registry_gateway.webhooks.holds import Holds
from registry_gateway.webhooks.messages import Message
from registry_gateway.webhooks.sender import Sender
from registry_gateway.webhooks.tail import Tail

MOST_DELIVERIES = 20
"""Most deliveries at a time in a process."""

MOST_RETRIES = 10
"""Most of these that repeat a failed message, so that receivers that hang do not delay all others."""

POLL_SECONDS = 1.0
"""Seconds between two looks at the webhooks without a new event."""

SETTLE_SECONDS = 0.1
"""Seconds from a new event, or the end of a delivery, to the next look: what happens together is seen together."""

STORE_SECONDS = 30.0
"""Seconds between two times at which positions are stored that have only passed events that need no message."""

MOST_IN_TURN = 20
"""Most messages for a webhook in succession; then it is the turn of another one."""

ATTEMPTS = 20
"""Attempts that are kept of each webhook."""

FINISH_SECONDS = 0.2
"""Seconds that deliveries get to end when the gateway stops, and as many for releasing the webhooks."""

log = logging.getLogger("registry_gateway.webhooks")


class Deliverer:
    """The deliveries of a process."""

    def __init__(self, store: Store, feed: EventFeed, sender: Sender, clock: Clock, metrics: WebhookMetrics) -> None:
        """Deliver events of `feed` with `sender`. Nothing runs yet."""
        self._store = store
        self._feed = feed
        self._sender = sender
        self._clock = clock
        self._metrics = metrics
        self._tail = Tail(feed)
        self._backlog = Backlog(self._tail)
        self._holds = Holds(store, clock, feed.notice)
        self._running: dict[int, asyncio.Task[None]] = {}
        self._repeating: set[int] = set()
        self._look = asyncio.Event()
        self._offset = 0.0
        self._store_at = 0.0

    def now(self) -> float:
        """Return the time of the lease clock, by which all times of webhooks are stored, as of the last look."""
        return self._clock.monotonic() + self._offset

    async def run(self, stopping: asyncio.Event) -> None:
        """Deliver until `stopping` is set or the task is cancelled; then release all webhooks."""
        away = False
        renewing = asyncio.create_task(self._holds.keep_renewed(self._running), name="holds of webhooks")
        try:
            while not stopping.is_set():
                try:
                    wait = await self._round()
                    away = False
                except StoreUnavailable as error:
                    if not away:
                        log.warning("webhooks wait for the database: %s", error)
                    away, wait = True, POLL_SECONDS
                except Exception:
                    log.exception("unexpected error; next attempt in %g s", POLL_SECONDS)
                    away, wait = True, POLL_SECONDS
                await self._news(wait, stopping, following=not away and self._tail.last > 0)
        finally:
            renewing.cancel()
            await self._stop()

    # --- the look at all webhooks

    async def _round(self) -> float:
        """Begin the deliveries that are due; return the seconds until the next look, unless there is an event before.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        self._look.clear()
        known = await self._read()
        if not known:
            self._tail.begin(0, 0)
            return POLL_SECONDS
        wait = POLL_SECONDS
        wanted: list[int] = []
        retries = MOST_RETRIES - len(self._repeating)
        for webhook, free in known:
            if not free or webhook.id in self._running or len(self._running) + len(wanted) >= MOST_DELIVERIES:
                continue
            if webhook.failures and retries <= 0:
                continue
            since = await self._backlog.waiting_since(webhook)
            if since is not None and (ready_in := schedule.ready_in(webhook, since, self.now())):
                wait = min(wait, ready_in)
            elif since is not None:
                wanted.append(webhook.id)
                retries -= bool(webhook.failures)
        if wanted:
            for taken in await self._holds.take(wanted, self._tail.last):
                self._start(taken)
        await self._store_positions([webhook for webhook, _ in known])
        due_in = [webhook.next_at - self.now() for webhook, free in known if not free and webhook.next_at > self.now()]
        return min([wait, *due_in])

    async def _read(self) -> Sequence[tuple[Webhook, bool]]:
        """Return the webhooks, and whether each can be taken. All events up to the end of the log are read then."""

        def work(connection: Connection) -> tuple[int, list[tuple[Webhook, bool]]]:
            now = lease_clock.read(connection, self._clock)
            self._offset = now - self._clock.monotonic()
            return events.span(connection)[1], statements.enabled(connection, self._holds.holder, now)

        last, known = await self._store.read(work)
        if not known:
            return known
        if not 0 < self._tail.last <= last:
            self._tail.begin(min(webhook.position for webhook, _ in known), last)
        await self._tail.advance()
        self._backlog.keep({webhook.id for webhook, _ in known})
        beyond = [webhook for webhook, _ in known if webhook.position > last]
        if beyond:
            log.warning("the log of events has lost its end: webhooks continue after event %d", last)
            for webhook in beyond:
                self._backlog.forget(webhook)
            await self._holds.move({webhook.id: (webhook.position, last) for webhook in beyond})
        return known

    def _start(self, taken: Taken) -> None:
        number = taken.webhook.id
        task = asyncio.create_task(self._deliver(taken), name=f"webhook {number}")
        self._running[number] = task
        if taken.webhook.failures:
            self._repeating.add(number)
        task.add_done_callback(lambda _task: self._ended(number))

    def _ended(self, number: int) -> None:
        del self._running[number]
        self._repeating.discard(number)
        self._holds.drop(number)
        self._look.set()

    async def _store_positions(self, known: Sequence[Webhook]) -> None:
        """Store, from time to time, the positions that have passed events that are not wanted."""
        if self._clock.monotonic() < self._store_at:
            return
        self._store_at = self._clock.monotonic() + STORE_SECONDS
        idle = [webhook for webhook in known if webhook.id not in self._running]
        to = {webhook.id: (webhook.position, self._backlog.position(webhook)) for webhook in idle}
        await self._holds.move({number: (old, new) for number, (old, new) in to.items() if new > old})

    async def _news(self, within: float, stopping: asyncio.Event, *, following: bool) -> None:
        """Return when a delivery has ended, the gateway stops, or `within` seconds are over; if `following` also when
        there are new events.
        """
        waits: list[Coroutine[Any, Any, object]] = [self._look.wait(), stopping.wait()]
        if following:
            waits.append(self._feed.changed(self._tail.last, within))
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        if not stopping.is_set():
            await asyncio.sleep(SETTLE_SECONDS)

    # --- one webhook

    async def _deliver(self, taken: Taken) -> None:
        """Send messages while the webhook is held and there are messages, at most `MOST_IN_TURN`; then release it."""
        webhook, attempts = taken
        try:
            for left in reversed(range(MOST_IN_TURN)):
                more = False
                message = await self._backlog.message(webhook)
                if message is None:
                    webhook = replace(webhook, pending_to=None)
                elif self._holds.held(webhook.id):
                    webhook, attempt = await self._attempt(webhook, message)
                    attempts = (*attempts, attempt)[-ATTEMPTS:]
                    due = left > 0 and webhook.disabled_at is None and webhook.next_at <= self.now()
                    more = due and await self._backlog.waiting_since(webhook) is not None
                    webhook = replace(webhook, pending_to=self._tail.last) if more else webhook
                if not await self._holds.store(Progress(webhook, attempts, released=not more)) or not more:
                    return
        except StoreUnavailable as error:
            log.warning("webhook %d waits for the database: %s", webhook.id, error)
        except Exception:
            log.exception("unexpected error in the deliveries of webhook %d", webhook.id)

    async def _attempt(self, webhook: Webhook, message: Message) -> tuple[Webhook, Attempt]:
        """Send a message; return the webhook's new state, and the attempt."""
        began = self.now()
        signed = signature.headers(message.id, message.body, webhook.secrets(began), self._clock.now())
        answer = await self._sender.send(webhook.url, signed, message.body)
        now = self.now()
        if answer.error is None:
            self._backlog.passed(webhook, message.to)
            self._metrics.delivered(answer.seconds, max(0.0, now - message.happened_at) if message.events else None)
            changed = schedule.after_success(webhook, message.to, now)
        else:
            self._metrics.failed(answer.seconds)
            log.info("webhook %d: %s", webhook.id, answer.error)
            chance = random.random()  # noqa: S311 - spreads attempts, protects nothing
            span = message.first, message.to, message.happened_at
            changed = schedule.after_failure(webhook, *span, now, chance, answer.status, answer.retry_after)
        return changed, Attempt(
            at=began,
            message=message.id,
            events=message.events,
            first=message.first,
            last=message.to,
            status=answer.status,
            seconds=answer.seconds,
            error=answer.error,
        )

    async def _stop(self) -> None:
        tasks = list(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=FINISH_SECONDS)
            for task in late:
                task.cancel()
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                if tasks:
                    await self._holds.release()
        except (StoreUnavailable, TimeoutError):
            log.info("the webhooks of this gateway were not released; others take them in %g s", schedule.HOLD_SECONDS)
