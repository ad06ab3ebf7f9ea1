"""Absences of all gateways, or of the database, and clocks that are set: none of them costs a service its lease.

No heartbeat is heard in an absence, so none is held against a service. Whatever calls a lease lapsed runs in a
transaction of `Outages.judge`, which signs presence first and makes up for an absence before that; readers, who
write nothing, judge by `judging_time`. See docs/decisions/0004-absence-of-the-gateway.md.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection

from registry_gateway.core.clock import Clock
from registry_gateway.core.deadlines import LONG_TRANSACTION_WITHIN, TRANSACTION_WITHIN
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.observability.metrics import Metrics
from registry_gateway.registry.clock_steps import Reading, Skew
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import events, lease_clock, presence
from registry_gateway.store.statements.presence import ABSENCE, RESTART, Sign

T = TypeVar("T")

FAREWELL = 1.0
"""Seconds that the last sign of a process may take."""

log = logging.getLogger("registry_gateway.events")


def judging_time(now: float, present_at: float | None) -> float:
    """Return the time at which a reader judges leases: now, or the end of what is known.

    While no gateway listens, or the database can't be written, no heartbeat gets through. What was alive when a gateway
    last listened, at `present_at`, still counts as alive then: its lease is extended once that can be written.
    """
    return now if present_at is None or now - present_at <= ABSENCE else present_at


class Outages:
    """The signs of presence of a process, and the transactions that may call a lease lapsed."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        """Take the database, the clock, and where it is counted how often the lease clock was set."""
        self._store = store
        self._clock = clock
        self._skew = Skew(metrics.clock)
        self._limit = TRANSACTION_WITHIN

    async def start(self) -> None:
        """Sign as a gateway that starts: all of the time since the last sign counts as an absence, however short."""
        self._limit = LONG_TRANSACTION_WITHIN  # no request waits for a start
        await self._sign(RESTART, _nothing, first=True)

    async def resume(self) -> None:
        """Sign that this gateway listens, and make up for an absence of all gateways."""
        await self._sign(ABSENCE, _nothing, first=True)

    async def leave(self) -> None:
        """Sign for the last time, if that works at once: the absence that follows is counted from here."""
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self.resume()

    async def judge(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `work` in a transaction that has signed presence, and so may call a lease lapsed.

        `work` gets the connection, the arguments, and as `now` the time of the sign.
        """
        return await self._sign(ABSENCE, lambda connection, now: work(connection, *args, **kwargs, now=now))

    async def _sign(self, absence: float, work: Callable[[Connection, float], T], *, first: bool = False) -> T:
        statement = presence.resume if first else presence.sign
        readings: list[Reading] = []

        def transaction(connection: Connection) -> tuple[T, Sign | None]:
            readings.clear()  # an attempt that lost a race is run again
            asked_at = self._clock.monotonic()

            def stepped(now: float) -> float:
                wall = now if self._store.sqlite else self._clock.now()
                readings.append(Reading(now, wall, asked_at, self._clock.monotonic()))
                return self._skew.step(readings[-1])

            sign = statement(connection, lease_clock.given(connection, self._clock), absence, stepped)
            answer = work(connection, lease_clock.read(connection, self._clock) if sign is None else sign.now)
            if sign is not None:
                events.record(connection, sign.events)  # last, as all events
            return answer, sign

        try:
            answer, sign = await self._store.write(transaction, self._limit)
        except StoreUnavailable:
            if readings:  # else the database hangs, and a longer limit would only delay the next connection
                self._limit = min(2 * self._limit, LONG_TRANSACTION_WITHIN)
            raise
        self._limit = TRANSACTION_WITHIN
        for reading in readings:
            self._skew.note(reading)
        for event in () if sign is None else sign.events:
            log.warning("presence resumed: %s", event.reason, extra=event.detail)
        return answer


def _nothing(_connection: Connection, _now: float) -> None:
    """Do no more than sign."""
