"""An adapter: one dialect, translated. Its routes decode a request, do one core call and encode the answer."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from registry_gateway.auth.accounts import Accounts
from registry_gateway.auth.bearer import Readers
from registry_gateway.auth.service_keys import Keyrings
from registry_gateway.bulk.importing import Importer
from registry_gateway.core.clock import Clock
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Entry
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.service import OwnFindings
from registry_gateway.http.mount import Mount
from registry_gateway.registry.event_feed import EventFeed
from registry_gateway.registry.registry import Registry
from registry_gateway.settings import Settings

Own = TypeVar("Own", bound=msgspec.Struct)
"""The struct of an adapter's settings."""


@dataclass(frozen=True)
class Core:
    """What the gateway gives an adapter to work with.

    Attributes:
        registry: The operations: what services ask for, and what readers do, of all dialects.
        accounts: The service accounts and their tokens.
        readers: Who may read what other dialects have registered; `authorize` it before you answer with that.
        keyrings: Where shared keys are opened.
        settings: The gateway's own.
        clock: Where the time comes from.
        findings: Returns what the dialect of an entry finds (`Adapter.findings`).
        stopping: Set as soon as the gateway is told to stop and requests are still being answered. A request that waits
            for long returns then: SIGTERM waits for it `FINISH_WITHIN` seconds, and cuts it off. Waits of `feed` end by
            themselves; for others, race `stopping.wait()`.
    """

    registry: Registry
    accounts: Accounts
    readers: Readers
    keyrings: Keyrings
    settings: Settings
    clock: Clock
    findings: OwnFindings
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def feed(self) -> EventFeed:
        """What is committed by any gateway on the database, as it happens: to follow, or to wait for the next change.

        For a request that is held until something changes: read what there is with `registry.moment()` before it,
        answer if it differs from what the client has, else `await feed.changed(moment.event, within=seconds)` and read
        again. For what follows for good, such as a webhook: `async for batch in feed.follow(after)` in a task that
        `Mount.lifespan` starts and ends.
        """
        return self.registry.feed

    def stop(self) -> None:
        """Have all that waits for long return: the gateway stops. Called by the application."""
        self.stopping.set()
        self.feed.end()

    def gauge(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Have /metrics show what `read` returns as the gauge `registry_gateway_<name>`. Call this in `mount`.

        Raises:
            ValueError: There is one of that name already.
        """
        self.registry.metrics.gauge(name, description, read)


@dataclass(frozen=True)
class Adapter(Generic[Own]):
    """A dialect.

    Attributes:
        name: Its name in settings, events and on the command line.
        segments: The first path segments it answers; no two that are served may share one.
        settings: Struct of its settings; each field's environment name starts with the adapter's name unless
            its metadata says otherwise.
        policy: Its lease policy, from the gateway's and its own settings; None for one that registers nothing.
        mount: Builds its routes; called once at start.
        welcome: Lines for the start of `serve`, and for the page: where the dialect is, and a curl line that registers
            something. None at all, if there is nothing to say.
        enabled: Tells, from its settings, whether it is served. Leave it out for one that is, once it is installed.
        closed_reads: Tells, from its settings, whether reading needs a credential; the catalogue then needs one too.
        open_writes: Tells, from its settings, whether anybody may write: the name of the setting that would close
            it, or None. Leave it out for a dialect that is never open, or always is on purpose.
        account_scopes: The scopes that an account needs to register, in a dialect with accounts. An account that is
            created without scopes gets these.
        warnings: Tells, from the gateway's settings and its own, what `serve` warns of at the start: one line each.
        write_only: Paths that no GET is for. `registry-gateway doctor URL` asks there: a 405 tells that they arrive
            as they are written.
        importer: How it takes over what another registry of its kind lists, if it can.
        findings: Returns what is probably wrong with one of its services, from its settings and the service's entry:
            the registration, both documents as they are stored, and the health at that moment. The catalogue and
            `services show` call it for the service that they show, unless it is gone, and `registry-gateway doctor` for
            each service that is alive. It must be pure and raise nothing. The doctor shows findings with the same
            `code` together, so a code starts with the dialect's name. `doctor URL` reads at most 100 findings of a
            service, codes of up to 64 characters, and texts of up to 8192.
    """

    name: str
    segments: frozenset[str]
    settings: type[Own]
    policy: Callable[[Settings, Own], LeasePolicy] | None
    mount: Callable[[Core, Own], Mount]
    welcome: Callable[[str, Own], Sequence[str]] = lambda _url, _own: ()
    enabled: Callable[[Own], bool] = lambda _own: True
    open_writes: Callable[[Own], str | None] = lambda _own: None
    closed_reads: Callable[[Own], bool] = lambda _own: False
    warnings: Callable[[Settings, Own], Sequence[str]] = lambda _core, _own: ()
    account_scopes: Sequence[str] = ()
    write_only: Sequence[str] = ()
    importer: Importer[Own] | None = None
    findings: Callable[[Own, Entry], Sequence[Finding]] = lambda _own, _entry: ()
