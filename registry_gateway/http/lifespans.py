"""The lifespans of mounts: resources that are open while the application runs."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager

from registry_gateway.core.deadlines import CLOSE_WITHIN

Lifespan = Callable[[], AbstractAsyncContextManager[None]]
"""A function that returns an asynchronous context manager, entered when the application starts, left when it ends."""

log = logging.getLogger("registry_gateway.lifespans")


@contextlib.asynccontextmanager
async def entered(lifespans: Mapping[str, Lifespan]) -> AsyncIterator[None]:
    """Enter `lifespans` (by mount name) in order, and leave them in reverse order.

    An error on entering is raised after those entered before are left. An error on leaving is logged, and the others
    are left. Leaving all of them may take a quarter of `CLOSE_WITHIN`.
    """
    ending: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        for name, lifespan in lifespans.items():
            await stack.enter_async_context(_closed_in_time(name, lifespan(), ending))
        try:
            yield
        finally:
            ending.append(asyncio.get_running_loop().time() + CLOSE_WITHIN / 4)


@contextlib.asynccontextmanager
async def _closed_in_time(
    name: str, lifespan: AbstractAsyncContextManager[None], ending: list[float]
) -> AsyncIterator[None]:
    await lifespan.__aenter__()
    try:
        yield
    finally:
        deadline = ending[0] if ending else asyncio.get_running_loop().time() + CLOSE_WITHIN / 4
        try:
            async with asyncio.timeout_at(deadline):
                await lifespan.__aexit__(None, None, None)
        except Exception:
            log.exception("the resources of %s could not be closed", name)
