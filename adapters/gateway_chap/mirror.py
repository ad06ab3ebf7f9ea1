"""The mirror of the live CHAP services in chap-core's Redis.

Redis follows the registry. Changes are written when their events come. Renewals leave no event, so
all leases are compared with Redis every few seconds, and prolonged there in time. That also restores what Redis has
lost. No request waits for any of this.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from gateway_chap.chap_core_redis import ChapCoreRedis, Late, Unusable, connected
from gateway_chap.chap_core_rules import REFUSED
from gateway_chap.chap_core_url import parsed
from gateway_chap.mirror_plan import Decision, Lease, Placed, due, placed, prolonged
from gateway_chap.translate import DIALECT
from registry_gateway.adapter import Core, Entry, Event, EventKind, NotInLog, StoreUnavailable, paced

COMPARE_SECONDS = 2.0
"""Seconds between two comparisons of all leases with Redis; a sixth of the shortest lease if that is less."""

PAUSE_FACTOR = 4
"""How much longer than a comparison the pause after it is, up to a quarter of the shortest lease. So comparisons of
very many services are less frequent.
"""

DEFAULT_TTL = 30.0
"""Length of a lease in seconds while there is none."""

CLOSING_SECONDS = 0.25
"""Seconds between two looks at the services that expire in Redis before the next comparison but one."""

MOST_CLOSING = 200
"""Maximum number of services that are read so often."""

PAUSE = 1.0
"""Seconds between two attempts while Redis or the database is unavailable."""

COMMAND_SIZE = 50
COMPARE_SIZE = 200
"""Number of services per command: those written with their documents, and those compared."""

log = logging.getLogger("registry_gateway.chap_core")

T = TypeVar("T")


class Mirror:
    """Writes the live services to chap-core's Redis while `running`.

    Attributes:
        written: The ids of the services that are in Redis, as far as this process knows.
        left_out: The services that chap-core would not accept, with the decision about each.
        succeeded_at: The judging time of the last complete comparison, in epoch seconds; 0 before the first.
        lag: Seconds from the last change to the read from which it was written.
    """

    def __init__(self, core: Core, url: str) -> None:
        """Connect to nothing yet."""
        self._registry = core.registry
        self._feed = core.feed
        self._url = url
        self._name = parsed(url).shown
        self._changed: dict[str, float] = {}
        self._news = asyncio.Event()
        self._compare_now = True
        self._closing: Sequence[str] = ()
        self._shortest = DEFAULT_TTL
        self._pause = COMPARE_SECONDS
        self._failing = False
        self._said: dict[str, str] = {}
        self.written: set[str] = set()
        self.left_out: dict[str, Decision] = {}
        self.succeeded_at = 0.0
        self.lag = 0.0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Mirror during the context. At its end nothing is removed: what is in Redis expires with its lease."""
        tasks = [
            asyncio.create_task(self._restarting(self._follow), name="chap-core events"),
            asyncio.create_task(self._restarting(self._mirror), name="chap-core mirror"),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def show(self, core: Core) -> None:
        """Add the mirror's gauges to /metrics. Each process of `serve --workers` mirrors everything."""
        text = "CHAP services that are in chap-core's Redis, as far as the gateway knows."
        core.gauge("chap_core_mirrored", text, lambda: len(self.written), highest=True)
        text = "Live CHAP services that chap-core would not accept, by the member that is at fault."
        for member in REFUSED:
            core.gauge("chap_core_left_out", text, partial(self._refused, member), {"member": member}, highest=True)
        text = "When all leases were last compared with chap-core's Redis, in epoch seconds; 0: never."
        core.gauge("chap_core_last_success_timestamp_seconds", text, lambda: self.succeeded_at, highest=True)
        text = (
            "Seconds from the last change of a CHAP service to the read from which it was written to chap-core's Redis."
        )
        core.gauge("chap_core_lag_seconds", text, lambda: self.lag, highest=True)

    def _refused(self, member: str) -> int:
        """Return the number of services that are left out because of a member."""
        refused = (decision.refused for decision in self.left_out.values())
        return sum(problem is not None and problem.member == member for problem in refused)

    async def _restarting(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until it returns. After an error it starts anew, which compares everything."""
        while True:
            try:
                await work()
                return
            except Unusable as error:
                if not self._failing:
                    log.error("chap-core's Redis cannot be used: %s", error, extra={"url": self._name})
                self._failing = True
            except Late:
                log.warning("chap-core's Redis received a change too late; it is made again", extra={"url": self._name})
            except StoreUnavailable:
                pass  # `maintenance` logs it
            except Exception:
                log.exception("unexpected error; next attempt in %g s", PAUSE)
            await asyncio.sleep(PAUSE)

    # --- the events

    async def _follow(self) -> None:
        after = (await self._registry.moment()).event
        while True:
            self._compare_now = True  # for the changes before `after`
            self._news.set()
            try:
                async for batch in self._feed.follow(after):
                    self._note(batch.events)
                return  # the gateway stops
            except NotInLog as gap:
                after = gap.last

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.dialect == DIALECT:
                self._changed.setdefault(event.key, event.at)
            self._compare_now |= event.kind is EventKind.RESUMED
        self._news.set()

    # --- Redis

    async def _mirror(self) -> None:
        clock = asyncio.get_running_loop().time
        async with connected(self._url) as redis:
            await redis.prune()
            next_comparison = 0.0
            while True:
                self._news.clear()
                changed, self._changed = self._changed, {}
                await self._write(redis, changed)
                if self._compare_now or clock() >= next_comparison:
                    self._compare_now = False
                    began = clock()
                    await self._compare(redis)
                    self._pause = self._pause_after(clock() - began)
                    next_comparison = clock() + self._pause
                elif self._closing:
                    await self._write(redis, dict.fromkeys(self._closing))
                await self._wait(min(next_comparison, clock() + CLOSING_SECONDS) if self._closing else next_comparison)

    def _pause_after(self, took: float) -> float:
        """Return the seconds until the next comparison, after one that took so many."""
        return min(max(min(COMPARE_SECONDS, self._shortest / 6), PAUSE_FACTOR * took), self._shortest / 4)

    async def _wait(self, until: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._news.wait()

    async def _write(self, redis: ChapCoreRedis, changed: Mapping[str, float | None]) -> None:
        """Write the services of these ids as they are now. The values are the times of their events, if there are."""
        async for keys in paced(_groups(tuple(changed), COMMAND_SIZE)):
            read_at = await redis.time()
            entries = await asyncio.gather(*(self._registry.find(DIALECT, key) for key in keys))
            live = {key: entry for key, entry in zip(keys, entries, strict=True) if entry is not None and entry.alive}
            made = {key: self._decided(entry, read_at) for key, entry in live.items()}
            given = [service for service in made.values() if service is not None]
            if given:
                await redis.put(read_at, given)
                self.written.update(service.id for service in given)
            await self._remove(redis, read_at, [key for key in keys if made.get(key) is None], live)
            times = [(live[key].judged_at, changed[key]) for key in live]
            self.lag = max((max(0.0, read - at) for read, at in times if at is not None), default=self.lag)

    def _decided(self, entry: Entry, read_at: int) -> Placed | None:
        """Return the service as it is to be in Redis; None if it is left out."""
        decision = placed(entry, read_at)
        key = entry.registration.key
        if decision.summary is None:
            self._said.pop(key, None)
        elif self._said.get(key) != decision.summary:
            self._said[key] = decision.summary
            log.warning("%s", decision.summary, extra={"key": key})
        if decision.service is None:
            self.left_out[key] = decision
        else:
            self.left_out.pop(key, None)
        return decision.service

    async def _remove(self, redis: ChapCoreRedis, read_at: int, ids: Sequence[str], live: Mapping[str, object]) -> None:
        if ids:
            await redis.remove(read_at, ids)
        self.written.difference_update(ids)
        for key in ids:
            if key not in live:
                self.left_out.pop(key, None)
                self._said.pop(key, None)

    async def _compare(self, redis: ChapCoreRedis) -> None:
        """Compare all leases with Redis: prolong those that expire soon, put what is missing, remove what has ended."""
        now = (await self._registry.moment()).now
        read_at = await redis.time()
        entries = await self._registry.list(DIALECT, alive=True, documents=False)
        live = {entry.registration.key: entry for entry in entries}
        self._shortest = min((entry.registration.lease.ttl for entry in entries), default=DEFAULT_TTL)
        missing: list[str] = []
        closing: list[tuple[float, str]] = []
        async for group in paced(_groups(entries, COMPARE_SIZE)):
            await self._compare_group(redis, read_at, [Lease(entry, read_at) for entry in group], missing, closing)
        self._closing = [key for _, key in sorted(closing)[:MOST_CLOSING]]
        ended = [key for key in {*self.written, *self.left_out} if key not in live]
        async for keys in paced(_groups(ended, COMPARE_SIZE)):
            await self._remove(redis, read_at, keys, live)
        await self._write(redis, dict.fromkeys(missing))
        if self._failing:
            log.warning("chap-core's Redis can be used again", extra={"url": self._name})
        self._failing = False
        self.succeeded_at = now

    async def _compare_group(
        self,
        redis: ChapCoreRedis,
        read_at: int,
        leases: Iterable[Lease],
        missing: list[str],
        closing: list[tuple[float, str]],
    ) -> None:
        known = [one for one in leases if not self._is_left_out(one)]
        if not known:
            return
        prolong: list[Placed] = []
        for one, left in zip(known, await redis.remaining([(one.id, one.registration) for one in known]), strict=True):
            todo = due(one, left)
            if todo == "put":
                missing.append(one.id)
                continue
            self.written.add(one.id)
            if todo == "prolong":
                prolong.append(prolonged(one))
            elif left < 2000 * self._pause:
                closing.append((left, one.id))
        if prolong:
            missing += await redis.prolong(read_at, prolong)

    def _is_left_out(self, lease: Lease) -> bool:
        decision = self.left_out.get(lease.id)
        return decision is not None and decision.registration == lease.registration


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
