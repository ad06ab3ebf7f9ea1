"""The endpoints of `/admin/v1/webhooks`."""

import re
from collections.abc import Sequence

import msgspec
from starlette.exceptions import HTTPException
from starlette.routing import Route

from registry_gateway.adapter import Core
from registry_gateway.core.errors import NotFound
from registry_gateway.endpoints.admin import wire
from registry_gateway.endpoints.admin.access import answer, authorize
from registry_gateway.http.answer import Answer
from registry_gateway.http.body import decode
from registry_gateway.http.call import Call
from registry_gateway.http.routing import resource

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)

_new = msgspec.json.Decoder(wire.NewWebhook)
_numbered = msgspec.json.Decoder(wire.WebhookId)
_rotation = msgspec.json.Decoder(wire.WebhookRotation)


class WebhookAdmin:
    """The administration of webhooks."""

    def __init__(self, core: Core) -> None:
        """Administer the webhooks of `core`."""
        self._accounts = core.accounts
        self._webhooks = core.webhooks
        self._dialects = tuple(core.registry.policies.known)

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return [
            resource("/admin/v1/webhooks", GET=self.webhooks, POST=self.add),
            resource("/admin/v1/webhooks/{id}/deliveries", GET=self.deliveries),
            resource("/admin/v1/webhooks/test", POST=self.test),
            resource("/admin/v1/webhooks/rotate", POST=self.rotate),
            resource("/admin/v1/webhooks/enable", POST=self.enable),
            resource("/admin/v1/webhooks/remove", POST=self.remove),
        ]

    async def webhooks(self, call: Call) -> Answer:
        """GET webhooks: all, disabled ones included."""
        await authorize(call, self._accounts)
        return answer(200, await self._webhooks.list())

    async def add(self, call: Call) -> Answer:
        """POST webhooks: 201 with the secret, 422 for no URL, or 409 if it may not be used or there are too many."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _new)
        if body.dialect is not None and body.dialect not in self._dialects:
            raise NotFound("the gateway does not speak that dialect")
        return answer(201, await self._webhooks.add(body.url, body.kinds, body.dialect, body.format, actor))

    async def deliveries(self, call: Call) -> Answer:
        """GET webhooks/{id}/deliveries: the last attempts of a webhook, newest first, or 404."""
        await authorize(call, self._accounts)
        number = _NUMBER.fullmatch(call.param("id"))
        if number is None:
            raise HTTPException(404)
        return answer(200, await self._webhooks.deliveries(int(number[0])))

    async def test(self, call: Call) -> Answer:
        """POST webhooks/test: 200 with the result of a delivery, also of one that failed, or 404."""
        await authorize(call, self._accounts)
        return answer(200, await self._webhooks.test(decode(await call.body(), _numbered).id))

    async def rotate(self, call: Call) -> Answer:
        """POST webhooks/rotate: 201 with the new secret, or 404."""
        actor = await authorize(call, self._accounts)
        body = decode(await call.body(), _rotation)
        return answer(201, await self._webhooks.rotate(body.id, body.overlap, actor))

    async def enable(self, call: Call) -> Answer:
        """POST webhooks/enable: 200 or 404; enabling one that is not disabled changes nothing."""
        actor = await authorize(call, self._accounts)
        return answer(200, await self._webhooks.enable(decode(await call.body(), _numbered).id, actor))

    async def remove(self, call: Call) -> Answer:
        """POST webhooks/remove: 200 with its last state, or 404."""
        actor = await authorize(call, self._accounts)
        return answer(200, await self._webhooks.remove(decode(await call.body(), _numbered).id, actor))
