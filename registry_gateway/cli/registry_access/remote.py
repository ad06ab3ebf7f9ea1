"""A registry by the URL of a gateway: its catalogue, and its administration."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode

import msgspec
from httpx_sse import EventSource

from registry_gateway.cli.registry_access.gateway_client import GatewayClient
from registry_gateway.cli.registry_access.refusals import NotReady, Refused
from registry_gateway.core.model import Event, EventKind, Subscription
from registry_gateway.core.webhook import Attempt, Format, WebhookView
from registry_gateway.endpoints.admin.wire import AccountView, Data, IssuedView, ServiceView
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.endpoints.catalogue.query import Events, Services, Watching
from registry_gateway.http.remote_server import RemoteServer, Unreachable
from registry_gateway.webhooks.webhooks import IssuedWebhook, Trial
from registry_gateway.wire.catalogue import Change, EventList, LogPage, ServiceDetail, ServiceList, Stats

PAGE = 1000
"""Most events of a page."""

STREAM_TIMEOUT = 60.0
"""Seconds without a byte after which a stream counts as broken. The gateway sends a comment every 15."""

PAUSE = 1.0
"""Seconds before a broken stream is opened again."""

EXPORT_TIMEOUT = 330.0
"""The same for an export, of which the gateway sends nothing before it has read all of it."""

TRIAL_TIMEOUT = 30.0
"""The same for the test of a webhook, which the gateway answers when the receiver has, or after 10 seconds."""

LINE_BYTES = 64 * 2**20
"""Longest line of an export that is read, in bytes."""


class RemoteGateway:
    """A gateway. What needs a permission needs a token whose account has it."""

    def __init__(self, server: RemoteServer, url: str, *, with_token: bool) -> None:
        """`server` sends the token, if `with_token` is set."""
        self._client = GatewayClient(server, url, with_token=with_token)
        self.name = self._client.name

    async def now(self) -> float:
        """Return the gateway's time, from the `Date` of its last answer."""
        if self._client.date is None:
            await self._client.get("catalog/v1/stats", Stats)
        try:
            date = parsedate_to_datetime(self._client.date or "")
        except (ValueError, OverflowError):  # a proxy removed the header, or it has numbers of any size
            return time.time()
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()

    async def dialects(self) -> Sequence[str]:
        """Return the dialects in the gateway's statistics."""
        return list((await self._client.get("catalog/v1/stats", Stats)).by_dialect)

    async def services(self, query: Services) -> ServiceList:
        """Return a page of services."""
        return await self._client.get(f"catalog/v1/services{_query(query)}", ServiceList)

    async def service(self, dialect: str, key: str) -> ServiceDetail | None:
        """Return all details of a service, registered or gone; None if nothing is known of it."""
        return await self._client.find(self._path(dialect, key), ServiceDetail)

    async def last_events(self, dialect: str, key: str, limit: int) -> Sequence[Event]:
        """Return the last events of a service, oldest first."""
        found = await self._client.find(f"{self._path(dialect, key)}/events{_query(Events(limit=limit))}", EventList)
        return () if found is None else found.events[::-1]

    async def last_event(self) -> int:
        """Return the id of the last event in the log, or of the last that is not about an account or a webhook."""
        found, _ = await self.log(LogQuery(), 1)
        return found[0].id if found else 0

    async def log(self, query: LogQuery, limit: int) -> tuple[Sequence[Event], bool]:
        """Return the newest events that match. Those of accounts and webhooks are not part of the catalogue.

        Raises:
            Refused: The events of an account or a webhook are wanted.
        """
        private = (query.key or "").startswith(("account:", "webhook:"))
        if private or any(kind.startswith(("account_", "webhook_")) for kind in query.kind):
            raise Refused(
                f"{self.name} lists no events of accounts and webhooks; read them in the database, or with export "
                "--events"
            )
        found: list[Event] = []
        page = LogPage(next="", searched_since=None, events=[])
        while page.next is not None and len(found) < limit:
            asked = msgspec.structs.replace(query, limit=min(limit - len(found), PAGE), cursor=page.next or None)
            page = await self._client.get(f"catalog/v1/log{_query(asked)}", LogPage)
            found += page.events
        return found, page.next is not None

    async def approve(self, key: str, dialect: str | None) -> ServiceView:
        """Approve a pending service."""
        return await self._client.change("services/approve", ServiceView, _service(key, dialect))

    async def remove(self, key: str, dialect: str | None, reason: str | None) -> ServiceView:
        """Deregister a service."""
        body = _service(key, dialect) | ({} if reason is None else {"reason": reason})
        return await self._client.change("services/remove", ServiceView, body)

    async def accounts(self) -> Sequence[AccountView]:
        """Return all accounts."""
        return (await self._client.get("admin/v1/accounts", Data[list[AccountView]])).data

    async def create_account(
        self, name: str, scopes: Sequence[str], slugs: Sequence[str], expires_in: float | None
    ) -> IssuedView:
        """Create an account with a token."""
        body: dict[str, object] = {"name": name, "slugs": slugs, "expires_in": expires_in}
        return await self._client.change("accounts", IssuedView, body | ({"scopes": scopes} if scopes else {}))

    async def rotate_account(self, name: str, overlap: float, expires_in: float | None) -> IssuedView:
        """Create a new token for an account."""
        body = {"name": name, "overlap": overlap, "expires_in": expires_in}
        return await self._client.change("accounts/rotate", IssuedView, body)

    async def revoke_account(self, name: str) -> AccountView:
        """Revoke all tokens of an account."""
        return await self._client.change("accounts/revoke", AccountView, {"name": name})

    async def subscriptions(self) -> Sequence[Subscription]:
        """Return all subscriptions."""
        return (await self._client.get("admin/v1/subscriptions", Data[list[Subscription]])).data

    async def subscribe(self, key: str, dialect: str | None, subscriber: str) -> Subscription:
        """Record that `subscriber` depends on a service."""
        body = _service(key, dialect) | {"subscriber": subscriber}
        return await self._client.change("subscriptions", Subscription, body)

    async def unsubscribe(self, number: int) -> Subscription:
        """Cancel a subscription."""
        return await self._client.change("subscriptions/cancel", Subscription, {"id": number})

    async def webhooks(self) -> Sequence[WebhookView]:
        """Return all webhooks."""
        return (await self._client.get("admin/v1/webhooks", Data[list[WebhookView]])).data

    async def deliveries(self, number: int) -> Sequence[Attempt]:
        """Return the last attempts to deliver to a webhook."""
        return (await self._client.get(f"admin/v1/webhooks/{number}/deliveries", Data[list[Attempt]])).data

    async def test_webhook(self, number: int) -> Trial:
        """Send a test message to a webhook from the gateway."""
        return await self._client.administer("webhooks/test", Trial, {"id": number}, TRIAL_TIMEOUT)

    async def add_webhook(
        self, url: str, kinds: Sequence[EventKind], dialect: str | None, form: Format
    ) -> IssuedWebhook:
        """Add a webhook."""
        body = {"url": url, "kinds": kinds, "dialect": dialect, "format": form}
        return await self._client.change("webhooks", IssuedWebhook, body)

    async def rotate_webhook(self, number: int, overlap: float) -> IssuedWebhook:
        """Give a webhook a new secret."""
        return await self._client.change("webhooks/rotate", IssuedWebhook, {"id": number, "overlap": overlap})

    async def enable_webhook(self, number: int) -> WebhookView:
        """Enable a webhook."""
        return await self._client.change("webhooks/enable", WebhookView, {"id": number})

    async def remove_webhook(self, number: int) -> WebhookView:
        """Remove a webhook."""
        return await self._client.change("webhooks/remove", WebhookView, {"id": number})

    async def export(self, dialect: str | None, *, events: bool) -> AsyncGenerator[bytes]:
        """Yield the registrations and the log as lines of JSON."""
        asked = {**({} if dialect is None else {"dialect": dialect}), **({"events": "true"} if events else {})}
        path = f"catalog/v1/export?{urlencode(asked)}"
        async with self._client.stream(path, "application/x-ndjson", EXPORT_TIMEOUT) as answer:
            rest = b""
            async for piece in answer.aiter_raw():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield line
                if len(rest) > LINE_BYTES:
                    raise Unreachable(f"{self.name} exports a line of more than {LINE_BYTES >> 20} MiB")
        if rest:
            raise Unreachable(f"the export of {self.name} ended early")

    @asynccontextmanager
    async def changes(self, query: Watching) -> AsyncIterator[AsyncIterator[Sequence[Event]]]:
        """Open the watch. It is opened again, after the last event that was received, whenever it breaks."""
        async with aclosing(self._followed(query)) as followed:
            await anext(followed)  # the stream is ready
            yield followed

    def _path(self, dialect: str, key: str) -> str:
        if key.endswith(("/", "/events")):
            raise Refused(f"{self.name} can't be asked for a key that ends with / or /events; read it in the database")
        return f"catalog/v1/services/{_segment(dialect)}/{_segment(key)}"

    async def _followed(self, query: Watching) -> AsyncGenerator[Sequence[Event]]:
        begun = False
        while True:
            try:
                path = f"catalog/v1/events{_query(query)}"
                async with self._client.stream(path, "text/event-stream", STREAM_TIMEOUT) as answer:
                    async for message in EventSource(answer).aiter_sse():
                        if message.id.isdecimal():
                            query = msgspec.structs.replace(query, last_event_id=int(message.id))
                        if message.event == "ready" and not begun:
                            begun = True
                            yield ()
                        elif message.event == "change":
                            yield (self._client.decoded(message.data.encode(), Change).event,)
            except (Unreachable, NotReady):
                if not begun:
                    raise
            await asyncio.sleep(PAUSE)


def _segment(text: str) -> str:
    """Return a text as one segment of a path. Clients would remove `.` and `..`."""
    quoted = quote(text, safe="")
    return quoted.replace(".", "%2E") if text in (".", "..") else quoted


def _service(key: str, dialect: str | None) -> dict[str, object]:
    return {"key": key} if dialect is None else {"key": key, "dialect": dialect}


def _query(query: msgspec.Struct) -> str:
    """Return the parameters that differ from their defaults as a query string."""
    given: dict[str, str] = {}
    for field in msgspec.structs.fields(query):
        value = getattr(query, field.name)
        if value != field.default:
            given[field.name] = ",".join(value) if isinstance(value, tuple) else str(value)
    return f"?{urlencode(given)}" if given else ""
