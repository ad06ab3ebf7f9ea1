"""CHAP's endpoints: decode, one core call, encode."""

from collections.abc import Sequence

import msgspec
from starlette.routing import Route

from gateway_chap import translate
from gateway_chap.faults import MissingKey, WrongKey
from registry_gateway.adapter import (
    ANONYMOUS,
    Actor,
    Answer,
    Call,
    Deregister,
    Keyring,
    NotRegistered,
    Registry,
    Rendered,
    Renew,
    Renewed,
    Shared,
    Unasked,
    json_answer,
    render,
    resource,
)

DIALECT = "chap"


class Chap:
    """The CHAP endpoints over a registry."""

    def __init__(
        self,
        registry: Registry,
        *,
        keyring: Keyring | None,
        unasked: Unasked,
        missing_key_status: int,
        ttl: float,
        absolute: bool,
    ) -> None:
        """Take the registry, the service keys (None: open), whom to tell of keys that come nevertheless, the status
        when one is missing, the TTL in seconds, and whether ping URLs are absolute.
        """
        self._registry = registry
        self._keyring = keyring
        self._unasked = unasked
        self._missing_key_status = missing_key_status
        self._ttl = ttl
        self._absolute = absolute
        self._services = Shared(self._list)

    def routes(self) -> Sequence[Route]:
        """Return the routes, the busiest first.

        A compose file swallows the `$register` of an orchestrator URL (it is a variable to compose) and leaves
        `/v2/services/`; servicekit then registers there and deregisters under `/v2/services//{id}`. With
        `%24register` it deregisters under `/v2/services/%24register/{id}`.
        """
        return [
            resource("/v2/services/{id}/$ping", PUT=self.ping),
            resource("/v2/services/$register", POST=self.register),
            resource("/v2/services", GET=self.list, POST=self.register),
            resource("/v2/services/{id}", GET=self.find, DELETE=self.deregister),
            resource("/v2/services/$register/{id}", DELETE=self.deregister),
            resource("/v2/services//{id}", DELETE=self.deregister),
        ]

    async def ping(self, call: Call) -> Answer:
        """PUT /v2/services/{id}/$ping: 200, or 404 after the deadline."""
        actor = self._authenticate(call)
        key = call.param("id")
        outcome = await self._registry.renew(Renew(DIALECT, key, actor))
        if not isinstance(outcome, Renewed):
            raise NotRegistered(f"{key} not found")
        return Answer(200, msgspec.json.encode(translate.alive(outcome.registration)))

    async def register(self, call: Call) -> Answer:
        """POST /v2/services/$register: 200; the latest registration wins."""
        actor = self._authenticate(call)
        if self._keyring is None:
            self._unasked.notice(call, b"x-service-key")
        command = translate.register(await call.body(), self._ttl, actor)
        if self._absolute:
            call.check_host()
        outcome = await self._registry.register(command)
        base = call.base_url() if self._absolute else ""
        return json_answer(200, translate.registered(outcome, f"{base}/v2/services/{command.key}/$ping"))

    async def list(self, call: Call) -> Answer:
        """GET /v2/services: the live ones."""
        return call.answer(await self._services.submit(DIALECT))

    async def _list(self, dialect: str) -> Rendered:
        return await render(translate.services(await self._registry.list(dialect, alive=True)))

    async def find(self, call: Call) -> Answer:
        """GET /v2/services/{id}: 200 or 404."""
        entry = await self._registry.find(DIALECT, call.param("id"))
        if entry is None:
            raise NotRegistered(f"{call.param('id')} not found")
        return call.answer(Rendered(translate.service(entry)))

    async def deregister(self, call: Call) -> Answer:
        """DELETE /v2/services/{id}: 204 or 404."""
        actor = self._authenticate(call)
        key = call.param("id")
        try:
            await self._registry.deregister(Deregister(dialect=DIALECT, key=key, actor=actor))
        except NotRegistered:
            raise NotRegistered(f"{key} not found") from None
        return Answer(204)

    def _authenticate(self, call: Call) -> Actor:
        if self._keyring is None:
            return call.actor(ANONYMOUS)
        given = call.header(b"x-service-key")
        if given is None:
            raise MissingKey(self._missing_key_status)
        holder = self._keyring.holder(given)
        if holder is None:
            raise WrongKey
        return call.actor(holder)
