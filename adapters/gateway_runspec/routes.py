"""runspec's endpoints: decode, one core call, encode."""

import contextlib
from collections.abc import Sequence

from msgspec import json
from starlette.routing import Route

from gateway_runspec import export, hosted_tools, translate
from gateway_runspec.faults import NoSuchTool
from gateway_runspec.kept_tools import kept_tools
from gateway_runspec.translate import DIALECT
from gateway_runspec.wire import Host
from registry_gateway.adapter import (
    NOSNIFF,
    Answer,
    Call,
    Entry,
    KeyCheck,
    NotRegistered,
    Registry,
    Rendered,
    Renewed,
    SharedRead,
    body_answer,
    paced,
    render,
    resource,
)

_OK = Answer(200, b'{"status":"ok"}')
_CREATED = Answer(201, b'{"status":"ok"}')
_ACK = Answer(200, b'{"status":"ack"}')
_REFRESH = Answer(200, b'{"status":"refresh"}')


class Runspec:
    """The runspec endpoints over a registry."""

    def __init__(self, registry: Registry, keys: KeyCheck, *, protect_reads: bool, ttl: float) -> None:
        """Serve `registry`. Writes and, with `protect_reads`, reads are authenticated; leases have `ttl` seconds."""
        self._registry = registry
        self._keys = keys
        self._protect_reads = protect_reads
        self._ttl = ttl
        self._entries = SharedRead(self._read)
        self._hosts = SharedRead(self._read_hosts)
        self._instances = SharedRead(self._render_instances)
        self._tools = SharedRead(self._render_tools)
        self._kept_tools = {live: kept_tools(registry, DIALECT, live_only=live) for live in (True, False)}

    def routes(self) -> Sequence[Route]:
        """Return the routes, the busiest first.

        Ids and tool names may contain slashes, which clients do not encode.
        """
        return [
            resource("/instances/{id:anything}/heartbeat", POST=self.heartbeat),
            resource("/instances/{id:anything}/tools", POST=self.advertise),
            resource("/instances", GET=self.instances, POST=self.register),
            resource("/instances/{id:anything}", GET=self.instance, DELETE=self.deregister),
            resource("/tools", GET=self.tools),
            resource("/tools/{name:anything}", GET=self.tool),
            resource("/hosts", GET=self.hosts),
            resource("/export/superputty", GET=self.superputty),
            resource("/export/mobaxterm", GET=self.mobaxterm),
        ]

    # --- requests of agents

    async def heartbeat(self, call: Call) -> Answer:
        """POST /instances/{id}/heartbeat: `ack`, or `refresh` to request the tools."""
        actor = self._keys.authenticate(call)
        command = translate.renew(call.param("id"), await call.body() if _has_body(call) else b"", actor)
        outcome = await self._registry.renew(command)
        known = isinstance(outcome, Renewed) and outcome.registration.advertised
        return _ACK if known else _REFRESH

    async def register(self, call: Call) -> Answer:
        """POST /instances: 201; the latest registration wins, without tools until they are posted."""
        actor = self._keys.authenticate(call)
        self._keys.warn_if_unneeded(call)
        command = translate.register(await call.body(), self._ttl, actor)
        await self._registry.register(command)
        return _CREATED

    async def advertise(self, call: Call) -> Answer:
        """POST /instances/{id}/tools: 200 or 404."""
        actor = self._keys.authenticate(call)
        command = translate.advertise(call.param("id"), await call.body(), actor)
        await self._registry.advertise(command)
        return _OK

    async def deregister(self, call: Call) -> Answer:
        """DELETE /instances/{id}: 200, whether there was one or not."""
        actor = self._keys.authenticate(call)
        command = translate.deregister(call.param("id"), actor)
        with contextlib.suppress(NotRegistered):
            await self._registry.deregister(command)
        return _OK

    # --- requests of readers

    async def instances(self, call: Call) -> Answer:
        """GET /instances: the live instances, or all with `?active=false`."""
        return call.answer(await self._instances.submit(self._live_only(call)))

    async def instance(self, call: Call) -> Answer:
        """GET /instances/{id}: 200, live or not, or 404."""
        self._authenticate_reader(call)
        key = call.param("id")
        entry = await self._registry.find(DIALECT, key)
        if entry is None:
            raise NotRegistered(f"{key} is not registered")
        return call.answer(Rendered(translate.instance(entry)))

    async def tools(self, call: Call) -> Answer:
        """GET /tools: each tool with the hosts that have it."""
        return call.answer(await self._tools.submit(self._live_only(call)))

    async def tool(self, call: Call) -> Answer:
        """GET /tools/{name}: 200 or 404."""
        name, entries = call.param("name"), await self._entries.submit(self._live_only(call))
        newest = paced(translate.newest_first(entries))
        found = [added async for entry in newest for added in hosted_tools.having(entry, name)]
        if not found:
            raise NoSuchTool
        return call.answer(Rendered(hosted_tools.tool(name, found)))

    async def hosts(self, call: Call) -> Answer:
        """GET /hosts: each host and name once."""
        hosts = await self._hosts.submit(self._live_only(call))
        answer = body_answer(await render(translate.listed(map(json.encode, hosts))))
        answer.headers.append(NOSNIFF)
        return answer

    async def superputty(self, call: Call) -> Answer:
        """GET /export/superputty: the live hosts for SuperPuTTY, with `?user=` as the login."""
        self._authenticate_reader(call)
        content = await render(export.superputty(await self._hosts.submit(True), call.query("user") or ""))
        return body_answer(content, b"application/xml", _attachment("runspec-sessions.xml"))

    async def mobaxterm(self, call: Call) -> Answer:
        """GET /export/mobaxterm: the live hosts for MobaXterm, with `?user=` as the login."""
        self._authenticate_reader(call)
        content = await render(export.mobaxterm(await self._hosts.submit(True), call.query("user") or ""))
        return body_answer(content, b"text/plain; charset=utf-8", _attachment("runspec.mxtsessions"))

    async def _read(self, live_only: bool) -> Sequence[Entry]:
        return await self._registry.list(DIALECT, alive=live_only)

    async def _read_hosts(self, live_only: bool) -> Sequence[Host]:
        newest = paced(translate.newest_first(await self._read(live_only)))
        return translate.hosts([translate.host(entry) async for entry in newest])

    async def _render_instances(self, live_only: bool) -> Rendered:
        return await render(translate.instances(await self._read(live_only)))

    async def _render_tools(self, live_only: bool) -> Rendered:
        return await self._kept_tools[live_only].get()

    def _live_only(self, call: Call) -> bool:
        """Authenticate the reader, and return whether the list has live instances only."""
        self._authenticate_reader(call)
        return translate.live_only(call.query("active"))

    def _authenticate_reader(self, call: Call) -> None:
        if self._protect_reads:
            self._keys.authenticate(call)


def _has_body(call: Call) -> bool:
    """Return whether a body follows. Most heartbeats have none, and reading it takes time."""
    if call.header(b"content-length") not in (None, "0"):
        return True
    return call.header(b"transfer-encoding") is not None


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename={name}", "X-Content-Type-Options": "nosniff"}
