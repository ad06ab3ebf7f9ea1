"""The loop that keeps house: presence, lapses, retention. Clean-up only; liveness never waits for it."""

import asyncio
import logging

from registry_gateway.clock import Clock
from registry_gateway.errors import StoreUnavailable
from registry_gateway.registry import Registry
from registry_gateway.settings import Settings

TICK = 1.0
"""Seconds between two signs of presence, and so how late a lapse appears in the log of events."""

DAY = 86_400.0

log = logging.getLogger("registry_gateway.reaper")


async def keep_house(registry: Registry, settings: Settings, clock: Clock) -> None:
    """Sweep until cancelled. An outage of the database is logged once, when it begins and when it ends."""
    next_purge = clock.now()
    away = False
    while True:
        try:
            await registry.resume()
            await registry.expire()
            if clock.now() >= next_purge:
                await registry.purge(clock.now() - settings.retention_days * DAY)
                next_purge = clock.now() + settings.purge_interval
            if away:
                log.warning("the database is back")
            away = False
        except StoreUnavailable as error:
            if not away:
                log.error("%s", error)
            away = True
        await asyncio.sleep(TICK)
