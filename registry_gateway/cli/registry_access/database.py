"""A registry by its database."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import msgspec

from registry_gateway.adapter import AnyAdapter, Core, account_scopes
from registry_gateway.auth import new_account
from registry_gateway.bulk import exporting
from registry_gateway.cli.registry_access.refusals import refused
from registry_gateway.cli.session import Session, actor
from registry_gateway.core.commands import Approve, Deregister
from registry_gateway.core.errors import InvalidAccount
from registry_gateway.core.model import Event, EventKind, Registration, Subscription
from registry_gateway.core.status import Status, status
from registry_gateway.core.webhook import Attempt, Format, WebhookView
from registry_gateway.endpoints.admin.wire import AccountView, IssuedView, ServiceView, account_view, issued_view
from registry_gateway.endpoints.admin.wire import service_view as view
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.endpoints.catalogue.query import Events, Services, Watching
from registry_gateway.endpoints.catalogue.reader import Reader
from registry_gateway.http import problem_details
from registry_gateway.registry.key_lookup import find_by_key
from registry_gateway.store.statements.log_search import LogFilter
from registry_gateway.store.statements.search import Page
from registry_gateway.webhooks.webhooks import IssuedWebhook, Trial
from registry_gateway.wire.catalogue import ServiceDetail, ServiceList


class Database:
    """A registry that is read and changed in its database. Changes are recorded with the user at the command line."""

    def __init__(self, session: Session, name: str, adapters: Sequence[AnyAdapter]) -> None:
        """`adapters` are all that are installed: services of a dialect that is switched off can be removed too."""
        self.name = name
        self._core: Core = session.core
        self._store = session.store
        own = session.core.settings
        self._reader = Reader(session.core.registry.queries, own.retention, most_events=own.max_events)
        self._dialects = [a.name for a in adapters]
        self._account_scopes = account_scopes(adapters)

    async def now(self) -> float:
        """Return the time by which leases are judged."""
        return (await self._core.registry.moment()).now

    async def dialects(self) -> Sequence[str]:
        """Return the names of the installed adapters."""
        return self._dialects

    async def services(self, query: Services) -> ServiceList:
        """Return a page of services.

        Raises:
            Refused: The parameters can't be combined.
        """
        try:
            return await self._reader.services(query, self._core.findings)
        except problem_details.Refused as error:
            raise refused(self.name, str(error), cast("str | None", error.extra.get("parameter"))) from None

    async def service(self, dialect: str, key: str) -> ServiceDetail | None:
        """Return all details of a service, registered or gone; None if nothing is known of it."""
        return await self._reader.service(dialect, key, self._core.findings, self._core.notes)

    async def last_events(self, dialect: str, key: str, limit: int) -> Sequence[Event]:
        """Return the last events of a service, oldest first."""
        found = await self._reader.events(dialect, key, Events(limit=limit))
        return () if found is None else found.events[::-1]

    async def last_event(self) -> int:
        """Return the id of the last event in the log."""
        return (await self._core.registry.moment()).event

    async def log(self, query: LogQuery, limit: int) -> tuple[Sequence[Event], bool]:
        """Return the newest events that match, those of accounts included."""

        def wanted(now: float) -> LogFilter:
            return msgspec.structs.replace(query.wanted(now), accounts=True)

        page = Page(order="id", descending=True, limit=limit)
        found, more, _ = await self._core.registry.queries.log(wanted, page)
        return found, more is not None

    async def approve(self, key: str, dialect: str | None) -> ServiceView:
        """Approve a pending service."""
        found = await self._find(key, dialect)
        approved = (await self._core.registry.approve(Approve(found.dialect, found.key, actor()))).registration
        return view(approved, status(approved, self._core.registry.policies.of(found.dialect), await self.now()))

    async def remove(self, key: str, dialect: str | None, reason: str | None) -> ServiceView:
        """Deregister a service."""
        found = await self._find(key, dialect)
        command = Deregister(dialect=found.dialect, key=found.key, actor=actor(), reason=reason, forced=True)
        return view((await self._core.registry.deregister(command)).registration, Status.GONE)

    async def accounts(self) -> Sequence[AccountView]:
        """Return all accounts."""
        return [account_view(account) for account in await self._core.accounts.list()]

    async def create_account(
        self, name: str, scopes: Sequence[str], slugs: Sequence[str], expires_in: float | None
    ) -> IssuedView:
        """Create an account with a token."""
        granted = scopes or self._account_scopes
        if not granted:
            raise InvalidAccount("no installed dialect has accounts; set the scopes of this one with --scope")
        new_account.check(name, granted, self._account_scopes)
        return issued_view(await self._core.accounts.create(name, granted, slugs, actor(), expires_in=expires_in))

    async def rotate_account(self, name: str, overlap: float, expires_in: float | None) -> IssuedView:
        """Create a new token for an account."""
        return issued_view(await self._core.accounts.rotate(name, overlap, actor(), expires_in=expires_in))

    async def revoke_account(self, name: str) -> AccountView:
        """Revoke all tokens of an account."""
        return account_view(await self._core.accounts.revoke(name, actor()))

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions."""
        return await self._core.registry.subscriptions()

    async def subscribe(self, key: str, dialect: str | None, subscriber: str) -> Subscription:
        """Record that `subscriber` depends on a service."""
        found = await self._find(key, dialect)
        return await self._core.registry.subscribe(found.dialect, found.key, subscriber, actor())

    async def unsubscribe(self, number: int) -> Subscription:
        """Cancel a subscription."""
        return await self._core.registry.unsubscribe(number, actor())

    async def webhooks(self) -> Sequence[WebhookView]:
        """Return all webhooks."""
        return await self._core.webhooks.list()

    async def deliveries(self, number: int) -> Sequence[Attempt]:
        """Return the last attempts to deliver to a webhook."""
        return await self._core.webhooks.deliveries(number)

    async def test_webhook(self, number: int) -> Trial:
        """Send a test message to a webhook from this machine."""
        return await self._core.webhooks.test(number)

    async def add_webhook(
        self, url: str, kinds: Sequence[EventKind], dialect: str | None, form: Format
    ) -> IssuedWebhook:
        """Add a webhook."""
        return await self._core.webhooks.add(url, kinds, dialect, form, actor())

    async def rotate_webhook(self, number: int, overlap: float) -> IssuedWebhook:
        """Give a webhook a new secret."""
        return await self._core.webhooks.rotate(number, overlap, actor())

    async def enable_webhook(self, number: int) -> WebhookView:
        """Enable a webhook."""
        return await self._core.webhooks.enable(number, actor())

    async def remove_webhook(self, number: int) -> WebhookView:
        """Remove a webhook."""
        return await self._core.webhooks.remove(number, actor())

    def export(self, dialect: str | None, *, events: bool) -> AsyncGenerator[bytes]:
        """Yield the registrations and the log as lines of JSON."""
        return exporting.lines(self._store, self._core.registry.queries, dialect=dialect, events=events)

    @asynccontextmanager
    async def changes(self, query: Watching) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        """Open the stream of events, those of all services."""
        after = query.last_event_id
        yield self._followed((await self._core.registry.moment()).event if after is None else after)

    async def _followed(self, after: int) -> AsyncIterator[Sequence[Event]]:
        async for batch in self._core.feed.follow(after):
            yield batch.events

    async def _find(self, key: str, dialect: str | None) -> Registration:
        dialects = self._dialects if dialect is None else (dialect,)
        return (await find_by_key(self._core.registry, key, dialects)).registration
