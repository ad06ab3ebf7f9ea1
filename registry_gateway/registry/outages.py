"""Outages: absences of all gateways, outages of the database, and steps of the clock. Services lose no lease through
them.

No gateway receives heartbeats in an outage, so leases are extended by its length. Each decision that a lease has lapsed
runs in a transaction of `Outages.judge`, which first makes up for an outage and signs presence. Readers do not write;
they judge by `judging_time`. See docs/decisions/0004-absence-of-the-gateway.md.
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

LAST_SIGN_WITHIN = 1.0
"""Maximum seconds for the last sign of a process."""

log = logging.getLogger("registry_gateway.events")


def judging_time(now: float, present_at: float | None) -> float:
    """Return the time at which readers judge leases: now, or in an outage the last sign of presence.

    While no gateway runs, or the database cannot be written, no heartbeat is recorded. Leases that ran at the last
    sign, `present_at`, count as alive until they are extended.
    """
    return now if present_at is None or now - present_at <= ABSENCE else present_at


class Outages:
    """The signs of presence of a process, and the transactions that may decide that a lease has lapsed."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        """`metrics` counts the steps of the lease clock."""
        self._store = store
        self._clock = clock
        self._skew = Skew(metrics.clock)
        self._limit = TRANSACTION_WITHIN
        self._failed = False

    async def start(self) -> None:
        """Sign as a starting gateway: all of the time since the last sign counts as an absence, however short."""
        self._limit = LONG_TRANSACTION_WITHIN  # no request waits for a start
        await self._sign(RESTART, _nothing, first=True)

    async def resume(self) -> None:
        """Sign presence, and make up for an absence of all gateways."""
        await self._sign(ABSENCE, _nothing, first=True)

    async def leave(self) -> None:
        """Sign for the last time, without waiting long. The following absence starts at this sign."""
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(LAST_SIGN_WITHIN):
                await self.resume()

    async def judge(self, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `work` in a transaction that has signed presence and may decide that a lease has lapsed.

        `work` receives the connection, the arguments, and the time of the sign as `now`.
        """
        return await self._sign(ABSENCE, lambda connection, now: work(connection, *args, **kwargs, now=now))

    async def _sign(self, absence: float, work: Callable[[Connection, float], T], *, first: bool = False) -> T:
        statement = presence.resume if first else presence.sign
        readings: list[Reading] = []
        cause: presence.Cause = "database" if self._failed else "gateway"

        def transaction(connection: Connection) -> tuple[T, Sign | None]:
            readings.clear()  # the transaction is repeated if it lost a race
            asked_at = self._clock.monotonic()

            def stepped(now: float) -> float:
                wall = now if self._store.sqlite else self._clock.now()
                readings.append(Reading(now, wall, asked_at, self._clock.monotonic()))
                return self._skew.step(readings[-1])

            sign = statement(connection, lease_clock.given(connection, self._clock), absence, stepped, cause)
            answer = work(connection, lease_clock.read(connection, self._clock) if sign is None else sign.now)
            if sign is not None:
                events.record(connection, sign.events)  # last, as all events
            return answer, sign

        try:
            answer, sign = await self._store.write(transaction, self._limit)
        except StoreUnavailable:
            self._failed = True
            if readings:  # without a reading the database hangs; a longer limit would delay the reconnect
                self._limit = min(2 * self._limit, LONG_TRANSACTION_WITHIN)
            raise
        self._limit = TRANSACTION_WITHIN
        self._failed = False
        for reading in readings:
            self._skew.note(reading)
        for event in () if sign is None else sign.events:
            log.warning("presence resumed: %s", event.reason, extra=event.detail)
        return answer


def _nothing(_connection: Connection, _now: float) -> None:
    """Do nothing beyond the sign."""
