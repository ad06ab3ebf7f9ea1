"""Whether chap-core sees one service: asked of its Redis, for the page and `services show`."""

import asyncio
from functools import cache

from gateway_chap import chap_core_rules
from gateway_chap.chap_core_redis import Unusable, connected
from registry_gateway.adapter import Entry

WITHIN = 1.0
"""Seconds for a question to Redis."""

AT_ONCE = 8
"""Questions at a time; more are not asked."""

PAUSE = 5.0
"""Seconds after a question without an answer in which none is asked, so that readers don't wait for Redis."""


class Visibility:
    """The answers about one Redis."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._asking = 0
        self._not_before = 0.0

    async def of(self, entry: Entry) -> str:
        """Return whether chap-core sees a live service, as a text that begins with visible, not visible or unknown."""
        checked = chap_core_rules.check(entry.document)
        if not entry.alive:
            return "not visible: its lease has expired"
        if checked.refused is not None:
            return f"not visible: {checked.refused.text}"
        clock = asyncio.get_running_loop().time
        if self._asking >= AT_ONCE or clock() < self._not_before:
            return "unknown: chap-core's Redis was not asked, because it does not answer"
        self._asking += 1
        try:
            async with asyncio.timeout(WITHIN), connected(self._url) as redis:
                there = await redis.has(entry.registration.key)
        except (Unusable, TimeoutError):
            self._not_before = clock() + PAUSE
            return "unknown: chap-core's Redis cannot be used"
        finally:
            self._asking -= 1
        if not there:
            return "not visible: it is not in chap-core's Redis"
        return "visible, with corrections" if checked.corrected else "visible"


@cache
def of_redis(url: str) -> Visibility:
    """Return the answers about the Redis at `url`: one object for all readers of a process."""
    return Visibility(url)
