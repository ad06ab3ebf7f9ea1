"""ScaiControl's endpoints: authenticate, decode, one core call, encode."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

from starlette.routing import Route

from gateway_scaicontrol import translate
from gateway_scaicontrol.auth import Caller, Verifier, authenticate
from gateway_scaicontrol.wire import ApiResponse, ResponseMeta
from registry_gateway.adapter import Answer, Call, Core, NotRegistered, Renewed, json_answer, resource


class ScaiControl:
    """The ScaiControl endpoints over a registry."""

    def __init__(self, core: Core, *, internal: AbstractSet[str], grace: int, scaikey: Verifier | None) -> None:
        """Serve the registry of `core`.

        Args:
            core: The gateway's parts.
            internal: Slugs that need no approval.
            grace: Length of a lease in heartbeat intervals.
            scaikey: Verifies ScaiKey's tokens; None if they are not accepted.
        """
        self._registry = core.registry
        self._accounts = core.accounts
        self._internal = internal
        self._grace = grace
        self._scaikey = scaikey

    def routes(self) -> Sequence[Route]:
        """Return the routes, the busiest first."""
        return [
            resource("/api/v1/registry/heartbeat", POST=self.heartbeat),
            resource("/api/v1/registry/register", POST=self.register, PUT=self.reregister, DELETE=self.deregister),
        ]

    async def heartbeat(self, call: Call) -> Answer:
        """POST /api/v1/registry/heartbeat: 200, or 404 if the slug is not registered. It revives an expired lease."""
        caller = await self._authenticate(call)
        command = translate.renew(await call.body(), call.actor(caller.name))
        caller.require_slug(command.key)
        outcome = await self._registry.renew(command)
        if not isinstance(outcome, Renewed):
            raise NotRegistered(f"{command.key} is not registered")
        held = outcome.registration
        return _answer(200, translate.renewed(held, self._grace), call, held.lease.last_seen)

    async def register(self, call: Call) -> Answer:
        """POST /api/v1/registry/register: 201, or 409 while the slug is alive."""
        return await self._register(call, "create", 201)

    async def reregister(self, call: Call) -> Answer:
        """PUT /api/v1/registry/register: 200, or 404 if there is nothing to update."""
        return await self._register(call, "update", 200)

    async def deregister(self, call: Call) -> Answer:
        """DELETE /api/v1/registry/register, with a body: 204, 404, or 409 with active subscriptions."""
        caller = await self._authenticate(call)
        command = translate.deregister(await call.body(), call.actor(caller.name))
        caller.require_slug(command.key)
        await self._registry.deregister(command)
        return Answer(204, headers={"X-Request-ID": call.request_id})

    async def _register(self, call: Call, mode: Literal["create", "update"], status: int) -> Answer:
        caller = await self._authenticate(call)
        actor = call.actor(caller.name)
        command = translate.register(await call.body(), mode, self._grace, self._internal, actor)
        caller.require_slug(command.key)
        outcome = await self._registry.register(command)
        held = outcome.registration
        return _answer(status, translate.registered(held, self._grace), call, held.updated_at)

    async def _authenticate(self, call: Call) -> Caller:
        return await authenticate(call, self._accounts, self._scaikey)


def _answer(status: int, data: object, call: Call, judged_at: float) -> Answer:
    meta = ResponseMeta(call.request_id, translate.iso(judged_at))
    answer = json_answer(status, ApiResponse(data, meta))
    answer.headers.append((b"x-request-id", meta.request_id.encode()))
    return answer
