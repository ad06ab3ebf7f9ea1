"""Filling a database through the core, without HTTP: many registrations, and some that lapse."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from bench.dialects import Chap
from gateway_chap import adapter, translate
from registry_gateway import settings
from registry_gateway.app import open_core
from registry_gateway.core.model import Actor
from registry_gateway.registry.registry import Registry

LEASE = 86_400.0
"""Seconds of a lease here: nothing lapses in a run but what is meant to."""

AT_ONCE = 2_000
"""Registrations in flight: well below the length of the core's queue."""

SETTINGS = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{LEASE:.0f}"}

_FILLER = Actor("bench")


@asynccontextmanager
async def _open(url: str) -> AsyncIterator[Registry]:
    configuration = settings.load([adapter], {"REGISTRY_GATEWAY_DATABASE_URL": url, **SETTINGS})
    core, _ = open_core(configuration, [adapter])
    try:
        yield core.registry
    finally:
        await core.registry.close()


async def _register(registry: Registry, keys: Sequence[str], lease: float) -> None:
    chap = Chap("")
    for keys_at_once in _portions(keys, AT_ONCE):
        commands = [translate.register(chap.register(key).body, lease, _FILLER) for key in keys_at_once]
        await asyncio.gather(*map(registry.register, commands))


def _portions(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def fill(url: str, keys: Sequence[str]) -> None:
    """Register CHAP services under `keys` in a database that is up to date and that nobody serves."""

    async def filling() -> None:
        async with _open(url) as registry:
            await _register(registry, keys, LEASE)

    asyncio.run(filling())


def sweep_seconds(url: str, lapsed: int) -> float:
    """Let that many services lapse beside those that are there; return how long `Registry.expire` takes.

    What has lapsed is listed no longer, and kept for a late ping.
    """

    async def sweeping() -> float:
        async with _open(url) as registry:
            await registry.expire()
            await _register(registry, [f"lapsing-{number:06d}" for number in range(lapsed)], 0.001)
            await asyncio.sleep(0.01)
            begin = time.perf_counter()
            swept = await registry.expire()
            seconds = time.perf_counter() - begin
            if swept != lapsed:
                raise AssertionError(f"{swept} of {lapsed} lapses were swept")
            return seconds

    return asyncio.run(sweeping())
