"""The gateway as an ASGI application. The first path segment selects the mount."""

import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from registry_gateway import adapter as adapters_module
from registry_gateway import settings
from registry_gateway.adapter import AnyAdapter, Core
from registry_gateway.auth import sighup
from registry_gateway.auth.accounts import Accounts
from registry_gateway.auth.bearer import Readers
from registry_gateway.auth.service_keys import Keyrings
from registry_gateway.core.clock import Clock, SystemClock
from registry_gateway.core.deadlines import CLOSE_WITHIN
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.endpoints import admin, catalogue, openapi, prometheus
from registry_gateway.endpoints.api_docs import ApiPages
from registry_gateway.endpoints.own_openapi import OPERATIONS
from registry_gateway.endpoints.page import Page
from registry_gateway.http import fastapi_errors
from registry_gateway.http.answer import Answer, json_answer
from registry_gateway.http.call import Call
from registry_gateway.http.cross_origin import readable_from
from registry_gateway.http.forwarded import Forwarded
from registry_gateway.http.lifespans import entered
from registry_gateway.http.mount import Mount, Mounted
from registry_gateway.http.protocol import STOPPING
from registry_gateway.http.response_order import ABANDONED
from registry_gateway.http.routing import resource
from registry_gateway.observability.metrics import Metrics
from registry_gateway.observability.shared_counters import SharedCounters
from registry_gateway.registry.maintenance import run_maintenance
from registry_gateway.registry.readiness import Readiness
from registry_gateway.registry.registry import Registry
from registry_gateway.settings import Configuration, SettingsError
from registry_gateway.store.engine import Store
from registry_gateway.webhooks.deliverer import Deliverer
from registry_gateway.webhooks.sender import Sender
from registry_gateway.webhooks.webhooks import Webhooks

COLLECT_AFTER = 5_000
"""New objects after which the garbage collector runs.

A request in flight and its connection have up to 80 objects, so 60 requests at once do not start it. A collection takes
2 microseconds for each object that it frees, and all requests wait meanwhile: after 20,000 objects it took up to 140 ms
when hundreds of watchers left.
"""

COMMAND = "_REGISTRY_GATEWAY_COMMAND"
"""Environment variable with the call of the command line that the page shows, set by `serve`."""

_UNQUOTED = "/!$&'()*+,;=:@~"
"""Characters that clients do not encode in a path, besides letters, digits and `_.-` (RFC 3986, 3.3)."""


class Gateway:
    """The ASGI application. `core` and `mounts` (by name) are public, for programs that embed the gateway."""

    def __init__(
        self, core: Core, readiness: Readiness, deliverer: Deliverer, mounts: dict[str, Mounted], page: Page
    ) -> None:
        """Build the application; nothing is opened yet.

        Args:
            core: The parts that the adapters share.
            readiness: Checks the database for /health/ready.
            deliverer: Sends the messages of webhooks.
            mounts: The mounts by the first path segment that they serve.
            page: The page, which belongs to the gateway's own mount.
        """
        self.core = core
        self.readiness = readiness
        self._deliverer = deliverer
        self._unstartable: StoreUnavailable | None = None
        self._apps: dict[str, ASGIApp] = dict(mounts)
        if origins := core.settings.origins():
            self._apps[catalogue.SEGMENT] = readable_from(mounts[catalogue.SEGMENT], origins)
        self._pages = ApiPages(core.settings.root_path)
        self._page = page
        own = Mount(self._routes(), self._fault, OPERATIONS, "The gateway itself: health, API documentation, page.")
        self._own = _mounted(core, "gateway", own)
        self.mounts = {m.name: m.mount for m in (*mounts.values(), self._own)}
        self._pages.publish(self.mounts)
        self._lifespan = Router(lifespan=self._run)
        self._prefix_as_sent = quote(core.settings.root_path, safe=_UNQUOTED).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. `/path/` is treated as `/path`, because the dialects' clients do not follow redirects."""
        if scope["type"] != "http":
            scope.get("state", {}).update({ABANDONED: self.core.registry.metrics.abandoned, STOPPING: self.core.stop})
            await self._lifespan(scope, receive, partial(self._tell, send))
            return
        path: str = scope["path"]
        as_sent: bytes = scope.get("raw_path") or b""
        prefix, prefix_as_sent = self.core.settings.root_path, b""
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            path = path[len(prefix) :] or "/"
            prefix_as_sent = self._prefix_as_sent
        if b"%" in as_sent and _begins_encoded(as_sent, prefix_as_sent):
            path = as_sent.decode("ascii")  # no path matches, so that /%61dmin can't evade a proxy's rule for /admin
        if len(path) > 1 and path[-1] == "/":
            path = path[:-1]
        # A proxy may pass the prefix on or strip it, so it is removed here and Starlette gets none.
        scope["path"] = path
        scope["root_path"] = ""
        scope["app"] = self  # makes Starlette's router raise 404 and 405 instead of answering them
        scope["settings"] = self.core.settings
        scope["clock"] = self.core.clock
        await self._apps.get(path.partition("/")[2].partition("/")[0], self._own)(scope, receive, send)

    async def _tell(self, send: Send, message: Message) -> None:
        """Send a message of the lifespan. A failed start because of the database is one line without a traceback."""
        if message["type"] == "lifespan.startup.failed" and self._unstartable is not None:
            message = {**message, "message": f"the gateway can't start: {self._unstartable}"}
        await send(message)

    def _routes(self) -> Sequence[Route]:
        return [
            resource("/health", GET=self._health),
            resource("/health/ready", GET=self._ready),
            *self._pages.routes(),
            *self._page.routes(),
        ]

    async def _health(self, _call: Call) -> Answer:
        return Answer(200, b'{"status":"ok"}')

    async def _ready(self, call: Call) -> Answer:
        purpose = call.query("for")
        if purpose not in (None, "reads"):
            raise HTTPException(400, "`for` may be `reads`, or left out")
        problem = await self.readiness.problem(reading=purpose == "reads")
        if problem is None:
            return Answer(200, b'{"status":"ready"}')
        headers = {"X-Request-ID": call.request_id} | ({"Retry-After": "1"} if problem.mends else {})
        return json_answer(503, {"status": "unavailable", "reason": problem.reason}, headers)

    def _fault(self, error: Exception, scope: Scope) -> Answer:
        page = self._page.missing(scope) if isinstance(error, HTTPException) and error.status_code == 404 else None
        return page or fastapi_errors.fault(error, scope)

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Enter the lifespans of all mounts, and leave them at the end of the context."""
        async with entered({name: m.lifespan for name, m in self.mounts.items() if m.lifespan is not None}):
            try:
                yield
            finally:
                self.core.stop()

    @contextlib.asynccontextmanager
    async def _run(self, _app: object) -> AsyncIterator[None]:
        core = self.core
        try:
            await core.registry.start()
        except StoreUnavailable as error:
            self._unstartable = error
            raise
        await self.readiness.problem()  # opens its connection before other requests use all of them
        maintenance = asyncio.create_task(run_maintenance(core.registry, core.settings, core.clock), name="reaper")
        published = asyncio.create_task(core.registry.metrics.counters.keep_published(core.clock), name="counters")
        delivering = asyncio.create_task(self._deliverer.run(core.stopping), name="webhooks")
        core.keyrings.report()
        try:
            with sighup.on_hangup(core.keyrings.reload):
                async with self.opened():
                    yield
        finally:
            core.stop()
            maintenance.cancel()
            published.cancel()
            await asyncio.wait([maintenance, published, delivering], timeout=CLOSE_WITHIN / 4)
            delivering.cancel()
            await core.registry.leave()
            await core.registry.close()


def _begins_encoded(path: bytes, prefix: bytes) -> bool:
    """Return whether the prefix of a path, or the first segment after it, has unnecessary percent-encoding."""
    return not path.startswith(prefix) or any(b"%" in part for part in path[len(prefix) :].split(b"/", 2)[:2])


def create_app(
    configuration: Configuration,
    adapters: Sequence[AnyAdapter],
    clock: Clock | None = None,
    counters: SharedCounters | None = None,
) -> Gateway:
    """Return the gateway for its settings and the installed adapters. Nothing is opened yet.

    `counters` stores the numbers of /metrics; None: they are of this process only.

    Raises:
        SettingsError: A dialect's settings are invalid, or it requires no credentials although `require_auth` is set.
    """
    speaking = adapters_module.chosen(adapters, configuration)
    _require_auth(configuration, speaking)
    core, store = open_core(configuration, speaking, clock, counters)
    readiness = Readiness(store)
    mounts: dict[str, Mounted] = {}  # in the order of /docs
    for adapter in speaking:
        mounted = _mounted(core, adapter.name, adapter.mount(core, configuration.adapters[adapter.name]))
        mounts |= dict.fromkeys(adapter.segments, mounted)
    mounts[catalogue.SEGMENT] = _mounted(core, "catalogue", catalogue.mount(core, store))
    watched = _mounted(core, "prometheus", prometheus.mount(core, store, readiness))
    mounts |= dict.fromkeys(prometheus.SEGMENTS, watched)
    scopes = adapters_module.account_scopes(adapters)
    mounts[admin.SEGMENT] = _mounted(core, admin.SEGMENT, admin.mount(core, scopes))
    page = Page(core.settings.root_path, partial(_welcome, configuration, speaking))
    own, metrics = configuration.gateway, core.registry.metrics.webhooks
    sender = Sender(own.webhook_networks(), core.clock)
    deliverer = Deliverer(store, core.feed, sender, core.clock, metrics)
    return Gateway(core, readiness, deliverer, mounts, page)


def _welcome(configuration: Configuration, speaking: Sequence[AnyAdapter], url: str) -> list[Sequence[str]]:
    return list(adapters_module.welcomes(speaking, configuration, url, os.environ.get(COMMAND, "registry-gateway")))


def open_core(
    configuration: Configuration,
    adapters: Sequence[AnyAdapter],
    clock: Clock | None = None,
    counters: SharedCounters | None = None,
    *,
    reading: bool = False,
) -> tuple[Core, Store]:
    """Return the core, with the lease policies of `adapters`, and its store. Nothing is opened yet.

    With `reading` nothing can be written, and a read-only SQLite file is accepted.
    """
    own = configuration.gateway
    clock = clock or SystemClock()
    policies = {a.name: a.policy(own, configuration.adapters[a.name]) for a in adapters if a.policy is not None}
    metrics = Metrics(policies, counters)
    store = Store(
        own.database_url, synchronous=own.sqlite_synchronous, transactions=metrics.transactions, reading=reading
    )
    registry = Registry(store, policies, clock, own.rate(), metrics)
    accounts = Accounts(store, clock)
    webhooks = Webhooks(store, clock, Sender(own.webhook_networks(), clock), registry.feed.notice)
    protected = own.protect_catalog or any(a.closed_reads(configuration.adapters[a.name]) for a in adapters)
    readers = Readers(accounts, protected=protected)
    findings = adapters_module.own_findings(adapters, configuration)
    notes = adapters_module.own_notes(adapters, configuration)
    commands = adapters_module.own_tool_commands(adapters, configuration)
    return Core(registry, accounts, webhooks, readers, Keyrings(), own, clock, findings, notes, commands), store


def _mounted(core: Core, name: str, mount: Mount) -> Mounted:
    return Mounted(name, mount, core.registry.metrics.mount(name, openapi.names(mount)))


def _require_auth(configuration: Configuration, speaking: Sequence[AnyAdapter]) -> None:
    if not configuration.gateway.require_auth:
        return
    unguarded = adapters_module.open_to_writes(speaking, configuration)
    if unguarded:
        raise SettingsError(
            f"credentials are required ({settings.PREFIX}REQUIRE_AUTH, --require-auth), but writes to "
            f"{' and '.join(unguarded)} need none; set {' and '.join(unguarded.values())}"
        )


def from_environment() -> Forwarded:
    """Return the gateway with the environment's settings, wrapped for proxies. Each process of `serve` calls it."""
    sighup.ignore()
    adapters = adapters_module.installed()
    counters = SharedCounters.of_process(os.environ)
    gateway = create_app(settings.load(adapters, os.environ), adapters, counters=counters)
    # Present objects stay until the end. Under load the collector would traverse them several times a second, and
    # heartbeats would wait 60 ms each time. It would also traverse the requests that share a commit, all of which are
    # still in use: that took 5 % of the time of a heartbeat.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    return Forwarded(gateway, gateway.core.settings.forwarded_allow_ips)
