"""The endpoints of `/admin/v1`: authorize, decode, one core call, encode.

Keys and names are in bodies, not in paths, because they may contain slashes, and proxies may change a path that ends
with one.
"""

from collections.abc import Sequence

import msgspec
from starlette.routing import Route

from registry_gateway.adapter import Core
from registry_gateway.auth import new_account
from registry_gateway.core.commands import Approve, Deregister
from registry_gateway.core.errors import NotRegistered
from registry_gateway.core.model import Registration
from registry_gateway.core.status import Status, status
from registry_gateway.endpoints.admin import wire
from registry_gateway.endpoints.admin.access import answer, authorize
from registry_gateway.http.answer import Answer
from registry_gateway.http.body import decode
from registry_gateway.http.call import Call
from registry_gateway.http.routing import resource
from registry_gateway.registry.key_lookup import find_by_key

_service = msgspec.json.Decoder(wire.ServiceKey)
_removal = msgspec.json.Decoder(wire.ServiceRemoval)
_new_account = msgspec.json.Decoder(wire.NewAccount)
_rotation = msgspec.json.Decoder(wire.AccountRotation)
_named = msgspec.json.Decoder(wire.AccountName)
_new_subscription = msgspec.json.Decoder(wire.NewSubscription)
_cancellation = msgspec.json.Decoder(wire.SubscriptionId)


class Admin:
    """The administration of a gateway."""

    def __init__(self, core: Core, account_scopes: Sequence[str]) -> None:
        """Administer `core`. Accounts that are created without scopes get `account_scopes`."""
        self._account_scopes = account_scopes
        self._registry = core.registry
        self._accounts = core.accounts
        self._dialects = tuple(core.registry.policies.known)

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return [
            resource("/admin/v1/services/approve", POST=self.approve),
            resource("/admin/v1/services/remove", POST=self.remove),
            resource("/admin/v1/accounts", GET=self.accounts, POST=self.create),
            resource("/admin/v1/accounts/rotate", POST=self.rotate),
            resource("/admin/v1/accounts/revoke", POST=self.revoke),
            resource("/admin/v1/subscriptions", GET=self.subscriptions, POST=self.subscribe),
            resource("/admin/v1/subscriptions/cancel", POST=self.cancel),
        ]

    # --- services

    async def approve(self, call: Call) -> Answer:
        """POST services/approve: 200; approving twice changes nothing."""
        actor = await authorize(call, self._accounts)
        found = await self._find(decode(await call.body(), _service))
        now = (await self._registry.moment()).now  # before the change: a 503 says that nothing was changed
        approved = (await self._registry.approve(Approve(found.dialect, found.key, actor))).registration
        return answer(
            200, wire.service_view(approved, status(approved, self._registry.policies.of(found.dialect), now))
        )

    async def remove(self, call: Call) -> Answer:
        """POST services/remove: 200, or 409 while the service has active subscriptions."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _removal)
        found = await self._find(body)
        command = Deregister(dialect=found.dialect, key=found.key, actor=actor, reason=body.reason, forced=True)
        done = await self._registry.deregister(command)
        return answer(200, wire.service_view(done.registration, Status.GONE))

    # --- accounts

    async def accounts(self, call: Call) -> Answer:
        """GET accounts: all, revoked ones included."""
        await authorize(call, self._accounts)
        return answer(200, [wire.account_view(account) for account in await self._accounts.list()])

    async def create(self, call: Call) -> Answer:
        """POST accounts: 201 with the token, 409 if the name is taken, or 422 if it or a scope can't be used."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _new_account)
        scopes = body.scopes or self._account_scopes
        if not scopes:
            raise msgspec.ValidationError("Object missing required field `scopes`")
        new_account.check(body.name, scopes, self._account_scopes)
        issued = await self._accounts.create(body.name, scopes, body.slugs, actor, expires_in=body.expires_in)
        return answer(201, wire.issued_view(issued))

    async def rotate(self, call: Call) -> Answer:
        """POST accounts/rotate: 201 with the new token, 404, or 409 if the account is revoked."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _rotation)
        issued = await self._accounts.rotate(body.name, body.overlap, actor, expires_in=body.expires_in)
        return answer(201, wire.issued_view(issued))

    async def revoke(self, call: Call) -> Answer:
        """POST accounts/revoke: 200 or 404; revoking twice changes nothing."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _named)
        return answer(200, wire.account_view(await self._accounts.revoke(body.name, actor)))

    # --- subscriptions

    async def subscriptions(self, call: Call) -> Answer:
        """GET subscriptions: all, ended ones included."""
        await authorize(call, self._accounts)
        return answer(200, await self._registry.subscriptions())

    async def subscribe(self, call: Call) -> Answer:
        """POST subscriptions: 201, 404, or 409 if the subscription exists already."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _new_subscription)
        found = await self._find(body)
        return answer(201, await self._registry.subscribe(found.dialect, found.key, body.subscriber, actor))

    async def cancel(self, call: Call) -> Answer:
        """POST subscriptions/cancel: 200, or 404 if there is no such active subscription."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _cancellation)
        return answer(200, await self._registry.unsubscribe(body.id, actor))

    # ---

    async def _find(self, asked: wire.ServiceKey) -> Registration:
        if asked.dialect is not None and asked.dialect not in self._dialects:
            raise NotRegistered("the gateway does not speak that dialect")
        dialects = self._dialects if asked.dialect is None else (asked.dialect,)
        return (await find_by_key(self._registry, asked.key, dialects)).registration
