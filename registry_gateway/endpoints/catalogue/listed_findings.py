"""The findings about the services on a page of a list."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from registry_gateway.core.lease import Policies
from registry_gateway.core.model import Entry, Event, Registration
from registry_gateway.core.status import Status, status
from registry_gateway.doctor.rules.history import WINDOW
from registry_gateway.doctor.rules.service import RECENT, OwnFindings, diagnose
from registry_gateway.registry.pacing import paced
from registry_gateway.store.statements import events, registrations
from registry_gateway.store.statements.key_batch import Key
from registry_gateway.wire.catalogue import Service

MOST_EVENTS = 10_000
"""Most events of the services on a page that are read: the newest."""


class Facts(NamedTuple):
    """What findings depend on: the registration of a service, None if it is gone, and its events of the last hour."""

    entry: Entry | None
    recent: Sequence[Event]


def read(connection: Connection, found: Collection[Registration], policies: Policies, now: float) -> list[Facts]:
    """Return the facts about services, in their order, at `now` (epoch seconds)."""
    keys = [(r.dialect, r.key) for r in found]
    stored, _ = registrations.find(connection, keys, now)
    happened: dict[Key, list[Event]] = {}
    for event in events.of_services(connection, keys, now - WINDOW, MOST_EVENTS):
        happened.setdefault((event.dialect, event.key), []).append(event)
    facts: list[Facts] = []
    for key in keys:
        row, entry = stored.get(key), None
        if row is not None and status(row[0], policies.of(key[0]), now) is not Status.GONE:
            entry = Entry(*row, row[0].lease.health(policies.of(key[0]), now), now)
        facts.append(Facts(entry, happened.get(key, [])[-RECENT:]))
    return facts


async def added(services: Sequence[Service], facts: Sequence[Facts], now: float, own: OwnFindings) -> list[Service]:
    """Return services with their findings. `own` returns what the dialect of an entry finds."""
    return [
        msgspec.structs.replace(service, findings=diagnose(of_it.entry, of_it.recent, now, own))
        async for service, of_it in paced(zip(services, facts, strict=True))
    ]
