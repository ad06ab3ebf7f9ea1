"""What `registry-gateway doctor` finds on this machine: in the settings, the database, and all that is registered."""

from collections.abc import Iterator, Sequence

import msgspec

from registry_gateway import adapter, settings
from registry_gateway.adapter import Adapter, Core
from registry_gateway.app import open_core
from registry_gateway.cli.resolving import unresolved
from registry_gateway.cli.session import require_file, require_known
from registry_gateway.core.model import Event, Registration
from registry_gateway.doctor import addresses, diagnose, installation
from registry_gateway.doctor.finding import Finding
from registry_gateway.doctor.history import WINDOW
from registry_gateway.settings import Configuration
from registry_gateway.store import database_size, migrate
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, lease_clock, presence
from registry_gateway.store.statements.key_batch import Key

MOST_EVENTS = 200_000
"""Most events of the last hour that are read."""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """A finding, and the service it is about; without one, it is about the gateway."""

    dialect: str | None = None
    key: str | None = None
    finding: Finding


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what was found. `unasked` are hosts of which nothing could be learnt in time."""

    checked: str
    services: int
    diagnoses: Sequence[Diagnosis]
    unasked: Sequence[str] = ()


def about_gateway(findings: Sequence[Finding]) -> list[Diagnosis]:
    """Return findings as diagnoses of the gateway."""
    return [Diagnosis(finding=finding) for finding in findings]


async def check(configuration: Configuration, adapters: Sequence[Adapter], remedy: str) -> Report:
    """Look at the settings, and at the database of the settings; `remedy` is what to run if that is behind.

    Raises:
        WrongLevel: There is no database, or a newer version has migrated it.
        StoreUnavailable: It can't be reached.
    """
    speaking = adapter.chosen(adapters, configuration.gateway)
    core, store = open_core(configuration, speaking, reading=True)
    checked = next(str(value) for variable, value in settings.effective(configuration, adapters) if variable.url)
    found = installation.of_settings(core.settings, adapter.open_to_writes(speaking, configuration))
    try:
        require_file(store, remedy)
        await require_known(store)
        problem = await migrate.problem(store)
        if problem is not None:
            found.append(installation.behind(problem, remedy))
            return Report(checked=checked, services=0, diagnoses=about_gateway(found))
        found += await _of_clocks(core, store)
        room = await database_size.measured(store)
        found += installation.of_disk(room.taken, room.free)
        registered, diagnoses = await _of_services(core, store)
    finally:
        await core.registry.close()
    hosts, unasked = _of_hosts(registered)
    services = [*diagnoses, *hosts]
    return Report(
        checked=checked,
        services=len(registered),
        diagnoses=[*about_gateway(found), *services],
        unasked=unasked,
    )


async def _of_clocks(core: Core, store: Store) -> list[Finding]:
    before = core.clock.now()
    theirs, present_at, steps = await store.read(
        lambda c: (lease_clock.now(c), presence.last(c), events.clock_steps(c))
    )
    after = core.clock.now()
    now = after if theirs is None else theirs
    found = installation.of_presence(present_at, now)
    found += installation.of_steps([step for at, step in steps if at > now - WINDOW])
    if theirs is not None:
        found += installation.of_clock(theirs - (before + after) / 2, "the database's machine")
    return found


async def _of_services(core: Core, store: Store) -> tuple[list[Registration], list[Diagnosis]]:
    """Return what is alive, and what is the matter with it or with what was alive within the hour."""
    now = (await core.registry.moment()).now
    alive = {(e.registration.dialect, e.registration.key): e.registration for e in await core.registry.list(alive=True)}
    happened: dict[Key, list[Event]] = {}
    for event in await store.read(lambda c: events.since(c, now - WINDOW, MOST_EVENTS)):
        happened.setdefault((event.dialect, event.key), []).append(event)
    diagnoses = [
        Diagnosis(dialect=dialect, key=key, finding=finding)
        for dialect, key in sorted({*alive, *happened})
        for finding in diagnose(alive.get((dialect, key)), happened.get((dialect, key), ()), now)
    ]
    return list(alive.values()), diagnoses


def _of_hosts(registered: Sequence[Registration]) -> tuple[list[Diagnosis], list[str]]:
    """Return what is the matter with the names of hosts, as this machine sees them."""
    return diagnosed_hosts((r.dialect, r.key, r.address) for r in registered)


def diagnosed_hosts(advertised: Iterator[tuple[str, str, str | None]]) -> tuple[list[Diagnosis], list[str]]:
    """Return what is the matter with the hosts of services (dialect, key, address), and the hosts nobody knows of.

    A host that is wrong at sight is not looked up: that was said already.
    """
    hosts = {
        (dialect, key): host
        for dialect, key, address in advertised
        if address is not None and not addresses.of_address(address) and (host := addresses.host_of(address))
    }
    lost, unasked = unresolved(hosts.values())
    diagnoses = [
        Diagnosis(dialect=dialect, key=key, finding=addresses.unresolved(host))
        for (dialect, key), host in hosts.items()
        if host in lost
    ]
    return diagnoses, sorted(unasked)
