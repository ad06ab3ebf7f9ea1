"""CHAP's endpoints: decode, one core call, encode."""

from collections.abc import Sequence

from starlette.routing import Route

from gateway_chap import translate
from gateway_chap.faults import not_found
from gateway_chap.run_proxy import RunProxy
from gateway_chap.translate import DIALECT
from registry_gateway.adapter import (
    Answer,
    Call,
    Entry,
    KeyCheck,
    NotRegistered,
    Registry,
    Rendered,
    Renewed,
    SharedRead,
    TooMany,
    json_answer,
    render,
    resource,
)


class Chap:
    """The CHAP endpoints over a registry."""

    def __init__(
        self, registry: Registry, keys: KeyCheck, *, ttl: float, absolute: bool, proxy: RunProxy | None
    ) -> None:
        """Serve `registry`. Writes are authenticated by `keys`; leases have `ttl` seconds.

        `absolute` is whether ping URLs are absolute. `proxy` passes requests on to services; None: that is off.
        """
        self._registry = registry
        self._keys = keys
        self._ttl = ttl
        self._absolute = absolute
        self._proxy = proxy
        self._services = SharedRead(self._list)

    def routes(self) -> Sequence[Route]:
        """Return the routes, the busiest first.

        Compose replaces the `$register` of an orchestrator URL as a variable, which leaves `/v2/services/`. servicekit
        then registers there and deregisters at `/v2/services//{id}`. With `%24register` in the URL, it deregisters at
        `/v2/services/%24register/{id}`.
        """
        return [
            resource("/v2/services/{id}/$ping", PUT=self.heartbeat),
            resource("/v2/services/$register", POST=self.register),
            resource("/v2/services", GET=self.list, POST=self.register),
            resource("/v2/services/{id}", GET=self.find, DELETE=self.deregister),
            resource("/v2/services/$register/{id}", DELETE=self.deregister),
            resource("/v2/services//{id}", DELETE=self.deregister),
            *(() if self._proxy is None else self._run_routes(self._proxy)),
        ]

    def _run_routes(self, proxy: RunProxy) -> Sequence[Route]:
        async def run(call: Call) -> Answer:
            """GET /v2/services/{id}/run/{path}: what the service answers; 404, 502, 503 or 504 if it does not."""
            entry = await self._live(call)
            return await proxy.answer(call, entry.registration.key, entry.registration.address or "")

        return [resource("/v2/services/{id}/run", GET=run), resource("/v2/services/{id}/run/{path:anything}", GET=run)]

    async def heartbeat(self, call: Call) -> Answer:
        """PUT /v2/services/{id}/$ping: 200, or 404 if the service must register again; clients do so after a 404."""
        actor = self._keys.authenticate(call)
        command = translate.renew(call.param("id"), actor)
        try:
            outcome = await self._registry.renew(command)
        except TooMany as error:
            raise not_found(command.key) from error
        if not isinstance(outcome, Renewed):
            raise not_found(command.key)
        return json_answer(200, translate.renewed(outcome.registration))

    async def register(self, call: Call) -> Answer:
        """POST /v2/services/$register: 200; the latest registration wins."""
        actor = self._keys.authenticate(call)
        self._keys.warn_if_unneeded(call)
        command = translate.register(await call.body(), self._ttl, actor)
        if self._absolute:
            call.check_host()
        outcome = await self._registry.register(command)
        base = call.base_url() if self._absolute else ""
        return json_answer(200, translate.registered(outcome, f"{base}/v2/services/{command.key}/$ping"))

    async def deregister(self, call: Call) -> Answer:
        """DELETE /v2/services/{id}: 204 or 404. A DELETE from a replaced process is ignored and answered 204."""
        actor = self._keys.authenticate(call)
        command = translate.deregister(call.param("id"), actor)
        try:
            await self._registry.deregister(command)
        except NotRegistered:
            raise not_found(command.key) from None
        return Answer(204)

    async def list(self, call: Call) -> Answer:
        """GET /v2/services: the live services."""
        return call.answer(await self._services.submit(DIALECT))

    async def _list(self, dialect: str) -> Rendered:
        return await render(translate.services(await self._registry.list(dialect, alive=True)))

    async def find(self, call: Call) -> Answer:
        """GET /v2/services/{id}: 200 or 404."""
        return call.answer(Rendered(translate.service(await self._live(call))))

    async def _live(self, call: Call) -> Entry:
        key = call.param("id")
        entry = await self._registry.find(DIALECT, key)
        if entry is None or not entry.alive:
            raise not_found(key)
        return entry
