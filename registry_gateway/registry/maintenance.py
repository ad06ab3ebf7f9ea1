"""What a gateway does once a second: presence, lapses, retention, the database's log. Liveness never waits for it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.registry.registry import Registry
from registry_gateway.settings import Settings

TICK = 1.0
"""Seconds between two signs of presence, two sweeps, and two looks at the database's log; so a lapse appears that late
in the log of events.
"""

log = logging.getLogger("registry_gateway.reaper")


async def run_maintenance(registry: Registry, settings: Settings, clock: Clock) -> None:
    """Sign presence and sweep until cancelled.

    They are apart, since a sweep may have much to do: as long as one gateway signs, none counts as absent. A purge
    may have millions of events to remove, and lapses are recorded meanwhile.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_repeat(registry.resume), name="presence")
        tasks.create_task(_repeat(registry.expire), name="sweep")
        tasks.create_task(_repeat(_purger(registry, settings, clock)), name="purge")
        tasks.create_task(_repeat(registry.checkpoint), name="checkpoint")


def _purger(registry: Registry, settings: Settings, clock: Clock) -> Callable[[], Awaitable[None]]:
    next_purge = clock.monotonic()

    async def purge() -> None:
        nonlocal next_purge
        if clock.monotonic() >= next_purge:
            await registry.purge(clock.now() - settings.retention, settings.max_events)
            next_purge = clock.monotonic() + settings.purge_interval

    return purge


async def _repeat(work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` again and again, a tick apart. Errors do not end that.

    An outage is logged when it begins and when it ends.
    """
    away = False
    while True:
        try:
            await work()
            if away:
                log.warning("the database is back")
            away = False
        except StoreUnavailable as error:
            if not away:
                log.error("%s", error)
            away = True
        except Exception:
            log.exception("a defect; the next try is in %g s", TICK)
        await asyncio.sleep(TICK)
