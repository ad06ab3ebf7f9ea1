"""Checks of a database: its clock, its disk, and the services registered in it."""

from registry_gateway.core.clock import Clock
from registry_gateway.core.model import Entry, Event
from registry_gateway.doctor.host_lookup import HostLookup
from registry_gateway.doctor.report import Diagnosis
from registry_gateway.doctor.rules import installation
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.history import WINDOW
from registry_gateway.doctor.rules.overview import of_overview
from registry_gateway.doctor.rules.service import OwnFindings, diagnose
from registry_gateway.registry.overviews import Overviews
from registry_gateway.registry.registry import Registry
from registry_gateway.store import database_size
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, lease_clock, presence
from registry_gateway.store.statements.key_batch import Key

MOST_EVENTS = 200_000
"""Most events of the last hour that are read."""


async def of_database(store: Store, clock: Clock) -> list[Finding]:
    """Return the findings about the database's clock and disk, and about the gateways that use it.

    Raises:
        StoreUnavailable: The database can't be reached.
    """
    before = clock.now()
    theirs, present_at, steps = await store.read(
        lambda c: (lease_clock.now(c), presence.last(c), events.clock_steps(c))
    )
    after = clock.now()
    now = after if theirs is None else theirs
    found = installation.of_presence(present_at, now)
    found += installation.of_steps([step for at, step in steps if at > now - WINDOW])
    if theirs is not None:
        found += installation.of_clock(theirs - (before + after) / 2, "the database's machine")
    room = await database_size.measured(store)
    return found + installation.of_disk(room.taken, room.free)


async def of_registry(registry: Registry, clock: Clock) -> list[Finding]:
    """Return the findings about the registry as a whole: mass lapses, dialects that emptied, absences.

    Raises:
        StoreUnavailable: The database can't be reached, or takes too long.
    """
    return of_overview(await Overviews(registry.queries, clock).get())


async def of_services(
    store: Store, registry: Registry, own: OwnFindings, lookup: HostLookup
) -> tuple[list[Entry], list[Diagnosis]]:
    """Return the live services, and what is wrong with them or with what was alive within the last hour.

    `own` returns what the dialect of an entry finds. The hosts of live services are passed to `lookup`.

    Raises:
        StoreUnavailable: The database can't be reached.
    """
    now = (await registry.moment()).now
    alive = {(e.registration.dialect, e.registration.key): e for e in await registry.list(alive=True)}
    for (dialect, key), entry in alive.items():
        lookup.add(dialect, key, entry.registration.address)
    happened: dict[Key, list[Event]] = {}
    for event in await store.read(lambda c: events.since(c, now - WINDOW, MOST_EVENTS)):
        happened.setdefault((event.dialect, event.key), []).append(event)
    diagnoses = [
        Diagnosis(dialect=dialect, key=key, finding=finding)
        for dialect, key in sorted({*alive, *happened})
        for finding in diagnose(alive.get((dialect, key)), happened.get((dialect, key), ()), now, own)
    ]
    return list(alive.values()), diagnoses
