"""What commands read from a registry and change in it. `Database` and `RemoteGateway` implement it.

Both return the structs of the catalogue and of administration, so that commands print the same.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from registry_gateway.core.model import Event, EventKind, Subscription
from registry_gateway.core.webhook import Attempt, Format, WebhookView
from registry_gateway.endpoints.admin.wire import AccountView, IssuedView, ServiceView
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.endpoints.catalogue.query import Services, Watching
from registry_gateway.webhooks.webhooks import IssuedWebhook, Trial
from registry_gateway.wire.catalogue import ServiceDetail, ServiceList


class RegistryAccess(Protocol):
    """A registry. Everything raises `StoreUnavailable`, or `Unreachable`, if it can't be reached.

    A change of a service finds it by its key, in `dialect` or, without one, in every dialect. It raises `NotRegistered`
    if there is no such service, and `Ambiguous` if there are several.
    """

    @property
    def name(self) -> str:
        """What the registry is called in messages: its database or its URL, without secrets."""
        ...

    async def now(self) -> float:
        """Return the registry's time in epoch seconds."""
        ...

    async def dialects(self) -> Sequence[str]:
        """Return the names of the dialects that services may be registered in."""
        ...

    async def services(self, query: Services) -> ServiceList:
        """Return a page of services."""
        ...

    async def service(self, dialect: str, key: str) -> ServiceDetail | None:
        """Return all details of a service, registered or gone; None if nothing is known of it."""
        ...

    async def last_events(self, dialect: str, key: str, limit: int) -> Sequence[Event]:
        """Return the last events of a service, oldest first."""
        ...

    async def last_event(self) -> int:
        """Return the id of the last event in the log; 0 if it is empty."""
        ...

    async def log(self, query: LogQuery, limit: int) -> tuple[Sequence[Event], bool]:
        """Return the newest `limit` events that match, newest first, and whether there are more.

        `limit` and `cursor` of the query have no effect.
        """
        ...

    async def approve(self, key: str, dialect: str | None) -> ServiceView:
        """Approve a pending service. Approving it twice changes nothing."""
        ...

    async def remove(self, key: str, dialect: str | None, reason: str | None) -> ServiceView:
        """Deregister a service. Raises `StillSubscribed` if it has active subscriptions."""
        ...

    async def accounts(self) -> Sequence[AccountView]:
        """Return all accounts, revoked ones included, by name."""
        ...

    async def create_account(
        self, name: str, scopes: Sequence[str], slugs: Sequence[str], expires_in: float | None
    ) -> IssuedView:
        """Create an account with a token; without `scopes` it may register. Raises `AlreadyExists`."""
        ...

    async def rotate_account(self, name: str, overlap: float, expires_in: float | None) -> IssuedView:
        """Create a new token for an account. Raises `NotFound` and `AccountRevoked`."""
        ...

    async def revoke_account(self, name: str) -> AccountView:
        """Revoke all tokens of an account. Raises `NotFound`."""
        ...

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions, ended ones included, oldest first."""
        ...

    async def subscribe(self, key: str, dialect: str | None, subscriber: str) -> Subscription:
        """Record that `subscriber` depends on a service. Raises `AlreadyExists`."""
        ...

    async def unsubscribe(self, number: int) -> Subscription:
        """Cancel a subscription by its number. Raises `NotFound`."""
        ...

    async def webhooks(self) -> Sequence[WebhookView]:
        """Return all webhooks, disabled ones included, oldest first."""
        ...

    async def deliveries(self, number: int) -> Sequence[Attempt]:
        """Return the last attempts to deliver to a webhook, newest first. Raises `NotFound`."""
        ...

    async def test_webhook(self, number: int) -> Trial:
        """Send a test message to a webhook from where the registry is opened; nothing changes. Raises `NotFound`."""
        ...

    async def add_webhook(
        self, url: str, kinds: Sequence[EventKind], dialect: str | None, form: Format
    ) -> IssuedWebhook:
        """Add a webhook for the events from now on. Raises `InvalidUrl`, `UnusableUrl`, `TooMany`."""
        ...

    async def rotate_webhook(self, number: int, overlap: float) -> IssuedWebhook:
        """Give a webhook a new secret; the present one signs too for `overlap` seconds. Raises `NotFound`."""
        ...

    async def enable_webhook(self, number: int) -> WebhookView:
        """Enable a webhook that is disabled. Raises `NotFound`."""
        ...

    async def remove_webhook(self, number: int) -> WebhookView:
        """Remove a webhook; return its last state. Raises `NotFound`."""
        ...

    def export(self, dialect: str | None, *, events: bool) -> AsyncGenerator[bytes]:
        """Yield the registrations and, with `events`, the log, each as a line of JSON without its line feed."""
        ...

    def changes(self, query: Watching) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Event]]]:
        """Open the stream of the events of services, each batch with at least one.

        It begins after `query.last_event_id`, by default at the moment it is opened, and has at least the events that
        match the other parameters. It continues through outages. Raises `NotInLog` if events that follow have been
        removed.
        """
        ...
