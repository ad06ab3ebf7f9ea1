"""A conversation in ScaiControl: two accounts and an administrator over the same slugs."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from registry_gateway.core.commands import Approve
from registry_gateway.core.model import Actor
from tests.conftest import GatewayFactory, ManualClock
from tests.fuzz.bodies import ANYTHING, FILLED, UNREADABLE, WRONG, encoded
from tests.fuzz.conversation import EXAMPLES, Conversation, converse
from tests.integration import scaicontrol_account
from tests.integration.scaicontrol_account import ENDPOINTS, HEARTBEAT, REGISTER

GRACE = 3
INTERNAL = "scaiflow"
SLUGS = st.sampled_from(["a", "b-1", INTERNAL])
ACCOUNTS = st.sampled_from(["one", "two"])
INTERVALS = st.sampled_from([1, 10, 30])
ADMIN = Actor("cli:tests")
EVERYBODY = ("one", "two", "reader")
LIMIT = 65536


@dataclass
class Service:
    """A service as the registry should know it."""

    owner: str
    version: str
    interval: int
    deadline: float
    approved: bool
    health: str = "healthy"
    subscription: int | None = None


class ScaiControl(Conversation):
    """`services` holds those that have not left; silence removes nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.services: dict[str, Service] = {}
        if self.gateway.application not in _PREPARED:
            _PREPARED[self.gateway.application] = self.gateway.portal.call(self._accounts)
        self.tokens = _PREPARED[self.gateway.application]

    async def _accounts(self) -> dict[str, str]:
        scopes = {"one": ["registry:manage"], "two": ["super_admin"], "reader": ["registry:read"]}
        return {
            name: (await scaicontrol_account.service(self.gateway.client, name, scopes[name])).token
            for name in EVERYBODY
        }

    def call(self, account: str, method: str, path: str, expected: int, body: Any) -> Any:
        """Send a body with an account's token; the `data` of a success."""
        headers = {"Authorization": f"Bearer {self.tokens[account]}"}
        content = body if isinstance(body, bytes) else encoded(body)
        answer = self.send(method, path, expected, content=content, headers=headers)
        return answer.json()["data"] if expected in (200, 201) else None

    def shows(self, data: dict[str, Any], slug: str) -> None:
        """An answer says what is known."""
        service = self.services[slug]
        assert data["slug"] == slug
        assert data["status"] == ("active" if service.approved else "pending")
        assert data["health_status"] == service.health

    @rule(
        slug=SLUGS,
        account=ACCOUNTS,
        version=FILLED,
        interval=INTERVALS,
        more=st.dictionaries(st.sampled_from(["new", "metrics", "ü"]), ANYTHING),
    )
    def register(self, slug: str, account: str, version: str, interval: int, more: dict[str, Any]) -> None:
        """201; 409 while it is alive, 403 for what is another account's."""
        known = self.services.get(slug)
        expected = 201
        if known is not None:
            expected = 403 if known.owner != account else 409 if self.now < known.deadline else 201
        body = {"slug": slug, "name": "N", "version": version, "heartbeat_interval_seconds": interval, **more}
        data = self.call(account, "POST", REGISTER, expected, body)
        if data is not None:
            self._registered(slug, account, version, interval)
            self.shows(data, slug)

    @rule(slug=SLUGS, account=ACCOUNTS, version=FILLED, interval=INTERVALS)
    def update(self, slug: str, account: str, version: str, interval: int) -> None:
        """200 for the account's own, alive or not."""
        known = self.services.get(slug)
        expected = 404 if known is None else 403 if known.owner != account else 200
        body = {"slug": slug, "name": "N", "version": version, "heartbeat_interval_seconds": interval}
        data = self.call(account, "PUT", REGISTER, expected, body)
        if data is not None:
            self._registered(slug, account, version, interval)
            self.shows(data, slug)

    def _registered(self, slug: str, account: str, version: str, interval: int) -> None:
        known = self.services.get(slug)
        self.services[slug] = Service(
            account,
            version,
            interval,
            self.now + interval * GRACE,
            slug == INTERNAL or (known is not None and known.approved),
            subscription=None if known is None else known.subscription,
        )

    @rule(slug=SLUGS, account=ACCOUNTS, status=st.sampled_from(["healthy", "degraded", "unhealthy"]))
    def beat(self, slug: str, account: str, status: str) -> None:
        """200 at any time."""
        known = self.services.get(slug)
        expected = 404 if known is None else 403 if known.owner != account else 200
        data = self.call(account, "POST", HEARTBEAT, expected, {"slug": slug, "status": status})
        if data is not None and known is not None:
            known.deadline = self.now + known.interval * GRACE
            known.health = status
            self.shows(data, slug)
            assert data["next_heartbeat_in_seconds"] == known.interval

    @rule(slug=SLUGS, account=ACCOUNTS, reason=st.none() | FILLED)
    def leave(self, slug: str, account: str, reason: str | None) -> None:
        """204, unless somebody depends on it."""
        known = self.services.get(slug)
        expected = 204
        if known is None:
            expected = 404
        elif known.owner != account:
            expected = 403
        elif known.subscription is not None:
            expected = 409
        self.call(account, "DELETE", REGISTER, expected, {"slug": slug, "reason": reason})
        if expected == 204:
            del self.services[slug]

    @rule(slug=SLUGS)
    def approve(self, slug: str) -> None:
        """The administrator approves what is there."""
        if slug in self.services:
            self.gateway.portal.call(self.registry.approve, Approve("scaicontrol", slug, ADMIN))
            self.services[slug].approved = True

    @rule(slug=SLUGS)
    def subscribe_or_cancel(self, slug: str) -> None:
        """Somebody comes to depend on a service, or no longer does."""
        service = self.services.get(slug)
        if service is None:
            return
        if service.subscription is None:
            made = self.gateway.portal.call(self.registry.subscribe, "scaicontrol", slug, "invoices", ADMIN)
            service.subscription = made.id
        else:
            self.gateway.portal.call(self.registry.unsubscribe, service.subscription, ADMIN)
            service.subscription = None

    @rule(account=ACCOUNTS, endpoint=st.sampled_from(ENDPOINTS), body=UNREADABLE)
    def send_what_cannot_be_read(self, account: str, endpoint: tuple[str, str], body: bytes) -> None:
        """422 or 413."""
        self.call(account, *endpoint, 413 if len(body) > LIMIT else 422, body)

    @rule(account=ACCOUNTS, endpoint=st.sampled_from(ENDPOINTS), value=WRONG)
    def send_a_wrong_slug(self, account: str, endpoint: tuple[str, str], value: object) -> None:
        """422."""
        self.call(account, *endpoint, 422, {"slug": value, "name": "N", "version": "1"})

    @rule(
        slug=SLUGS,
        endpoint=st.sampled_from(ENDPOINTS),
        token=st.sampled_from([None, "", "Bearer", "Bearer rgw_x_y", "Basic b25lOng=", "Bearer a.b.c", "Bearer \x7f"]),
    )
    def without_a_token(self, slug: str, endpoint: tuple[str, str], token: str | None) -> None:
        """401 before anything is looked at."""
        headers = {} if token is None else {"Authorization": token}
        content = encoded({"slug": slug, "name": "evil", "version": "1"})
        self.send(*endpoint, 401, content=content, headers=headers)

    @rule(slug=SLUGS, endpoint=st.sampled_from(ENDPOINTS))
    def without_the_scope(self, slug: str, endpoint: tuple[str, str]) -> None:
        """403."""
        self.call("reader", *endpoint, 403, {"slug": slug, "name": "evil", "version": "1"})


_PREPARED: dict[Any, dict[str, str]] = {}
"""Tokens by gateway: accounts outlive a conversation."""


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_conversation(
    request: pytest.FixtureRequest, start_gateway: GatewayFactory, clock: ManualClock, database: str
) -> None:
    url = request.getfixturevalue(f"{database}_url")
    converse(ScaiControl, start_gateway, clock, url, {}, EXAMPLES[database])
