"""The periodic work of a gateway: presence, lapses, retention, SQLite's WAL. Liveness does not depend on it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.registry.registry import Registry
from registry_gateway.settings import Settings

TICK = 1.0
"""Seconds between two signs of presence, two sweeps, and two checks of the WAL. Lapses appear in the event log with up
to this delay.
"""

log = logging.getLogger("registry_gateway.reaper")


async def run_maintenance(registry: Registry, settings: Settings, clock: Clock) -> None:
    """Sign presence and sweep until cancelled.

    Both run separately, because a sweep may take long and no gateway counts as absent while one signs. The purge is
    separate too: it may have millions of events to remove, and lapses are recorded meanwhile.
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
    """Run `work` again and again, with a pause of one tick. Errors do not end the loop.

    The begin and the end of an outage are logged.
    """
    away = False
    while True:
        try:
            await work()
            if away:
                log.warning("the database is available again")
            away = False
        except StoreUnavailable as error:
            if not away:
                log.error("%s", error)
            away = True
        except Exception:
            log.exception("unexpected error; next attempt in %g s", TICK)
        await asyncio.sleep(TICK)
