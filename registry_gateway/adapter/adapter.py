"""Adapters. An adapter implements one dialect: its routes decode a request, do one core call and encode the answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from registry_gateway.auth.accounts import Accounts
from registry_gateway.auth.bearer import Readers
from registry_gateway.auth.service_keys import Keyrings
from registry_gateway.bulk.importing import Importer, StoreImporter
from registry_gateway.core.clock import Clock
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Entry, Registration
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.service import OwnFindings, OwnNotes
from registry_gateway.http.mount import Mount
from registry_gateway.registry.event_feed import EventFeed
from registry_gateway.registry.registry import Registry
from registry_gateway.settings import Settings
from registry_gateway.webhooks.webhooks import Webhooks

Own = TypeVar("Own", bound=msgspec.Struct)
"""The struct of an adapter's settings."""

ToolCommand = Callable[[str, Registration, str], str | None]
"""Returns the command line that runs a tool, given the gateway's URL, the registration that has the tool, and its name;
None if the registration's dialect has no such command. Pure.
"""


NOTES_WITHIN = 2.0
"""Seconds for `Adapter.notes`."""

INSPECT_WITHIN = 15.0
"""Seconds for `Adapter.inspect`."""


@dataclass(frozen=True)
class Core:
    """The parts of the gateway that adapters use.

    Attributes:
        registry: The operations and reads of the registry, for all dialects.
        accounts: The service accounts and their tokens.
        webhooks: The webhooks.
        readers: The permission to read services of other dialects. Call `authorize` before an answer contains them.
        keyrings: Opens shared keys.
        settings: The gateway's own settings.
        clock: The source of the time.
        findings: Returns the findings of the dialect of an entry (`Adapter.findings`).
        notes: Returns the notes of the dialect of an entry (`Adapter.notes`).
        tool_command: Returns the command line that runs a tool (`Adapter.tool_command`).
        stopping: Set when the gateway begins to stop, while requests are still being answered. A request that waits
            must return then: after SIGTERM it has `FINISH_WITHIN` seconds until it is cancelled. Waits of `feed` end by
            themselves; in other waits, also wait for `stopping.wait()`.
    """

    registry: Registry
    accounts: Accounts
    webhooks: Webhooks
    readers: Readers
    keyrings: Keyrings
    settings: Settings
    clock: Clock
    findings: OwnFindings
    notes: OwnNotes
    tool_command: ToolCommand = lambda _url, _registration, _tool: None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def feed(self) -> EventFeed:
        """The events that any gateway commits to the database, as they happen.

        For long polling: call `registry.moment()`, read the state, answer if it differs from the client's, else
        `await feed.changed(moment.event, within=seconds)` and read again. For permanent followers, such as a webhook:
        `async for batch in feed.follow(after)` in a task that `Mount.lifespan` starts and ends.
        """
        return self.registry.feed

    def stop(self) -> None:
        """End long waits because the gateway stops. Called by the application."""
        self.stopping.set()
        self.feed.end()

    def gauge(
        self,
        name: str,
        description: str,
        read: Callable[[], float],
        labels: Mapping[str, str] | None = None,
        *,
        highest: bool = False,
    ) -> None:
        """Add the gauge `registry_gateway_<name>` to /metrics; `read` returns its value. Call this in `mount`.

        With `labels`, call it once for each of their values. The values of the processes of `serve --workers` are
        added; with `highest` the highest is taken.

        Raises:
            ValueError: There is a gauge of that name and these labels already.
        """
        self.registry.metrics.gauge(name, description, read, labels, highest=highest)


@dataclass(frozen=True)
class Adapter(Generic[Own]):
    """A dialect.

    Attributes:
        name: Its name in settings, events and on the command line.
        segments: The first path segments that it serves. Two enabled adapters can't share one.
        settings: The Struct of its settings. Names in the environment start with the gateway's prefix and the adapter's
            name, unless a field's metadata has another.
        policy: Returns its lease policy, given the gateway's and its own settings; None if it registers nothing.
        mount: Returns its mount; called once at start.
        welcome: Returns lines for the start of `serve` and for the page: the dialect's name and URL, then commands that
            register a service. Empty by default.
        enabled: Returns whether it is served, given its settings. By default it is.
        open_writes: Returns the name of the setting that would require a credential for writes, if none is required,
            else None. Leave it out for a dialect that always requires one, or never does on purpose.
        closed_reads: Returns whether reads require a credential, given its settings. The catalogue then requires one
            too.
        warnings: Returns the warnings that `serve` logs at start, given the gateway's and its own settings: one line
            per warning.
        account_scopes: The scopes that an account needs to register, in a dialect with accounts. An account that is
            created without scopes gets these.
        write_only: Paths without a GET. `registry-gateway doctor URL` checks that a GET there returns 405, which shows
            that proxies pass these paths on unchanged.
        importer: Imports from other registries that speak the dialect; None if it can't.
        store_importers: Imports from the stores of other registries, by the names that `import --from` has for them.
            A name starts with the dialect's.
        findings: Returns what is probably wrong with one of its services, from its settings and the service's entry:
            the registration, both documents as they are stored, and the health at that moment. The catalogue and
            `services show` call it for the service that they show, unless it is gone, and `registry-gateway doctor` for
            each service that is alive. It must be pure and raise nothing. The doctor shows findings with the same
            `code` together, so a code starts with the dialect's name. `doctor URL` reads at most 100 findings of a
            service, codes of up to 64 characters, and texts of up to 8192.
        notes: Returns what only the dialect knows about one of its services, such as whether another program sees it:
            texts by their labels, from its settings and the service's entry. The catalogue and `services show` show
            them with the service that they show, unless it is gone. It may ask another server. It raises nothing, and
            after `NOTES_WITHIN` seconds there are none.
        inspect: Returns what is probably wrong beside the registry, such as in another program that reads what the
            adapter writes, given its settings and its live entries. `registry-gateway doctor` waits for it at most
            `INSPECT_WITHIN` seconds. It changes nothing, and its codes start with the dialect's name.
        tool_command: Returns the command line with which a person runs a tool of one of its services, given its
            settings, the gateway's URL, the registration and the tool's name; None if there is none. The catalogue and
            the page show it. It must be pure, quote for a shell what a service sent, and contain no secret.
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
    store_importers: Mapping[str, StoreImporter[Own]] = field(default_factory=dict)
    findings: Callable[[Own, Entry], Sequence[Finding]] = lambda _own, _entry: ()
    notes: Callable[[Own, Entry], Awaitable[Mapping[str, str]]] | None = None
    inspect: Callable[[Own, Sequence[Entry]], Awaitable[Sequence[Finding]]] | None = None
    tool_command: Callable[[Own, str, Registration, str], str | None] = lambda _own, _url, _registration, _tool: None
