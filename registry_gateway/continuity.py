"""What an absence leaves to make up for: that of all gateways, or that of the database.

No heartbeat could be heard meanwhile, so none is held against a service. What was alive when a gateway was last there
starts a full lease anew. See docs/decisions/0004-absence-of-the-gateway.md.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

from registry_gateway.clock import Clock
from registry_gateway.errors import StoreUnavailable
from registry_gateway.store import presence
from registry_gateway.store.engine import Store

P = ParamSpec("P")
T = TypeVar("T")

ABSENCE = 2.5
"""Seconds without a sign of any gateway on the database after which heartbeats count as unheard."""

log = logging.getLogger("registry_gateway.events")


class Transaction(Protocol):
    """One of the store's ways to run a transaction."""

    def __call__(self, work: Callable[[Connection], T], /) -> Awaitable[T]:
        """Run it."""
        ...


class Continuity:
    """Transactions of a gateway that may lose its database: the first that writes again makes up for it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Take the database and the clock."""
        self._store = store
        self._clock = clock
        self._interrupted = False

    async def resume(self) -> None:
        """Say that this gateway is there, and make up for an absence of all gateways."""
        extended = await self.write(presence.resume, self._clock.now(), ABSENCE)
        if extended:
            log.warning("leases extended after an absence of the gateway", extra={"leases": extended})

    async def judging_time(self) -> float:
        """Return the time at which readers judge leases: now, or the end of what is known.

        After an outage the leases are prolonged first. While the database can be read and not written (its disk is
        full, or another server is about to take over) that fails, and no heartbeat gets through either. What was
        alive when a gateway was last there then still counts as alive: it will be, once that can be written.
        """
        if self._interrupted:
            try:
                await self._make_up()
            except StoreUnavailable:
                present_at = await self.run(self._store.find, presence.last)
                if present_at is not None and self._clock.now() - present_at > ABSENCE:
                    return present_at
        return self._clock.now()

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a transaction that writes."""
        if self._interrupted:
            await self._make_up()
        return await self.run(self._store.write, work, *args, **kwargs)

    async def run(
        self,
        transaction: Transaction,
        work: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `work` in a transaction of the store, and note if the database is out of reach."""
        try:
            return await transaction(lambda connection: work(connection, *args, **kwargs))
        except StoreUnavailable:
            self._interrupted = True
            raise

    async def _make_up(self) -> None:
        """Make up for an outage of the database, as for an absence of the gateway: whatever comes first does it."""
        await self.run(self._store.write, presence.resume, self._clock.now(), ABSENCE)
        self._interrupted = False
