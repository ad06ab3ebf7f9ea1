"""The administration of webhooks: each change is one transaction with its event."""

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from registry_gateway.core import webhook_schedule as schedule
from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import NotFound, TooMany
from registry_gateway.core.model import Actor, Event, EventKind
from registry_gateway.core.webhook import Attempt, Format, State, Webhook, WebhookView
from registry_gateway.core.webhook_events import happened
from registry_gateway.observability import event_log
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, lease_clock
from registry_gateway.store.statements import webhooks as statements
from registry_gateway.webhooks import messages, signature
from registry_gateway.webhooks.receiver_url import shown
from registry_gateway.webhooks.sender import Answer, Sender

MOST_WEBHOOKS = 200
"""Most webhooks. Gateways that add one at the same instant may exceed it slightly."""


class IssuedWebhook(WebhookView, frozen=True, kw_only=True):
    """A webhook with its new secret, which is shown only once."""

    secret: str


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a test: whether the message was accepted, the status of the answer (null: none), the error."""

    delivered: bool
    status: int | None
    seconds: float
    error: str | None


class Webhooks:
    """The webhooks in a database. Every change is an event about `webhook:<id>`.

    All methods raise `StoreUnavailable`, and change nothing, if the database cannot be reached.
    """

    def __init__(self, store: Store, clock: Clock, sender: Sender, notice: Callable[[], None]) -> None:
        """`notice` is called after each event, so that it is read at once."""
        self._store = store
        self._clock = clock
        self._sender = sender
        self._notice = notice

    async def add(
        self, url: str, kinds: Sequence[EventKind], dialect: str | None, form: Format, actor: Actor
    ) -> IssuedWebhook:
        """Add a webhook for the events from now on; `kinds` and `dialect` restrict them (empty, None: they do not).

        Raises:
            InvalidUrl: `url` has not the form of a receiver's URL.
            UnusableUrl: The gateway may not send messages to it.
            TooMany: There are `MOST_WEBHOOKS` webhooks.
        """
        await self._sender.check(url)

        def work(connection: Connection) -> tuple[Webhook, Event]:
            if statements.count(connection) >= MOST_WEBHOOKS:
                raise TooMany(f"there are {MOST_WEBHOOKS} webhooks, which is the limit; remove one first")
            now = lease_clock.read(connection, self._clock)
            added = statements.add(
                connection,
                Webhook(
                    id=0,
                    url=url,
                    format=form,
                    kinds=tuple(dict.fromkeys(kinds)),
                    dialect=dialect,
                    secret=signature.new_secret(),
                    created_at=now,
                    position=events.span(connection)[1],
                    next_at=now,
                ),
            )
            detail = {"url": shown(url), "format": form.value, "kinds": ", ".join(added.kinds) or "all"}
            return added, happened(EventKind.WEBHOOK_ADDED, added, actor, now, **detail, dialect=dialect)

        return await self._issue(work)

    async def rotate(self, number: int, overlap: float, actor: Actor) -> IssuedWebhook:
        """Give a webhook a new secret. The present one signs too for `overlap` seconds; an older one ends at once.

        Raises:
            NotFound: There is no such webhook.
        """

        def work(connection: Connection) -> tuple[Webhook, Event]:
            webhook = _find(connection, number)
            now = lease_clock.read(connection, self._clock)
            ends_at = now + overlap if overlap else None
            old = webhook.secret if overlap else None
            new = replace(webhook, secret=signature.new_secret(), old_secret=old, old_secret_ends_at=ends_at)
            statements.rotate(connection, new)
            return new, happened(EventKind.WEBHOOK_ROTATED, new, actor, now, old_secret_ends_at=ends_at)

        return await self._issue(work)

    async def enable(self, number: int, actor: Actor) -> WebhookView:
        """Enable a webhook that is disabled, for the events from now on. It gets a message about those it missed.

        Enabling a webhook that is not disabled changes nothing.

        Raises:
            NotFound: There is no such webhook.
        """

        def work(connection: Connection) -> tuple[Webhook, Event | None]:
            webhook = _find(connection, number)
            if webhook.disabled_at is None:
                return webhook, None
            now = lease_clock.read(connection, self._clock)
            enabled = schedule.enabled(webhook, events.span(connection)[1], now)
            statements.enable(connection, enabled)
            return enabled, happened(EventKind.WEBHOOK_ENABLED, enabled, actor, now)

        return self._view(await self._change(work))

    async def remove(self, number: int, actor: Actor) -> WebhookView:
        """Remove a webhook; return its last state. A message that is being sent may still arrive.

        Raises:
            NotFound: There is no such webhook.
        """

        def work(connection: Connection) -> tuple[Webhook, Event]:
            webhook = _find(connection, number)
            statements.remove(connection, number)
            now = lease_clock.read(connection, self._clock)
            return webhook, happened(EventKind.WEBHOOK_REMOVED, webhook, actor, now, url=shown(webhook.url))

        return self._view(await self._change(work))

    async def list(self) -> Sequence[WebhookView]:
        """Return all webhooks, oldest first."""
        return [self._view(webhook) for webhook in await self._store.read(statements.read)]

    async def deliveries(self, number: int) -> Sequence[Attempt]:
        """Return the last attempts to deliver to a webhook, newest first.

        Raises:
            NotFound: There is no such webhook.
        """
        found = await self._store.read(lambda c: statements.attempts(c, number))
        if found is None:
            raise NotFound(_MISSING.format(number))
        return found[::-1]

    async def test(self, number: int) -> Trial:
        """Send a test message to a webhook from this process, also if it is disabled; nothing is changed.

        Raises:
            NotFound: There is no such webhook.
        """
        webhook = await self._store.read(lambda c: statements.find(c, number))
        if webhook is None:
            raise NotFound(_MISSING.format(number))
        now = self._clock.now()
        message = messages.of_test(webhook, now)
        signed = signature.headers(message.id, message.body, webhook.secrets(now), now)
        answer: Answer = await self._sender.send(webhook.url, signed, message.body)
        return Trial(delivered=answer.error is None, status=answer.status, seconds=answer.seconds, error=answer.error)

    async def _issue(self, work: Callable[[Connection], tuple[Webhook, Event]]) -> IssuedWebhook:
        changed = await self._change(work)
        return IssuedWebhook(**msgspec.structs.asdict(self._view(changed)), secret=changed.secret)

    async def _change(self, work: Callable[[Connection], tuple[Webhook, Event | None]]) -> Webhook:
        def transaction(connection: Connection) -> tuple[Webhook, Sequence[Event]]:
            webhook, event = work(connection)
            recorded = [] if event is None else [event]
            events.record(connection, recorded)
            return webhook, recorded

        webhook, recorded = await self._store.write(transaction)
        event_log.report(recorded)
        self._notice()
        return webhook

    def _view(self, webhook: Webhook) -> WebhookView:
        ends_at = webhook.old_secret_ends_at
        return WebhookView(
            id=webhook.id,
            url=shown(webhook.url),
            format=webhook.format,
            kinds=webhook.kinds,
            dialect=webhook.dialect,
            state=webhook.state,
            created_at=webhook.created_at,
            old_secret_ends_at=None if ends_at is None or ends_at <= self._clock.now() else ends_at,
            position=webhook.position,
            delivered_at=webhook.delivered_at,
            failures=webhook.failures,
            failing_since=webhook.failing_since,
            waiting_since=webhook.waiting_since,
            next_attempt_at=webhook.next_at if webhook.state is State.FAILING else None,
            disabled_at=webhook.disabled_at,
            disabled_reason=webhook.disabled_reason,
        )


_MISSING = "there is no webhook {}"


def _find(connection: Connection, number: int) -> Webhook:
    webhook = statements.find(connection, number, lock=True)
    if webhook is None:
        raise NotFound(_MISSING.format(number))
    return webhook
