"""Enforcement of the rate limit. The database is queried only for changes that exceed their caller's rate."""

from collections.abc import Sequence
from functools import partial

from registry_gateway.core.clock import Clock
from registry_gateway.core.commands import Advertise, Deregister, Register
from registry_gateway.core.errors import RateLimited
from registry_gateway.core.lease import Policies
from registry_gateway.core.rate_limit import Change, Limit, Rate, caller, retry_after
from registry_gateway.registry.group_commit import GroupCommit, apart
from registry_gateway.registry.shared_read import SharedRead
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import first_registrations
from registry_gateway.store.statements.key_batch import Key

Holder = tuple[str, str | None]
"""A dialect and an account in it; None as the account means all registrations of the dialect."""


class Admission:
    """Enforces a `Limit`, with an allowance for first registrations."""

    def __init__(self, rate: Rate, store: Store, clock: Clock, policies: Policies) -> None:
        """`rate` applies to each caller; `store` is queried for the caller's registrations."""
        self._limit = Limit(rate)
        self._store = store
        self._clock = clock
        self._policies = policies
        self._registered_before: GroupCommit[Key, bool] = GroupCommit(partial(apart, self._look_up))
        self._kept: SharedRead[Holder, int] = SharedRead(self._count)

    async def admit(self, command: Change) -> None:
        """Return if `command` is permitted now. Forced deregistrations always are.

        Raises:
            RateLimited: It exceeds the limit; nothing was changed.
            StoreUnavailable: A query is needed and the database cannot be reached.
        """
        if isinstance(command, Deregister) and command.forced:
            return
        now = self._clock.now()
        wait = self._limit.wait(command, now)
        if wait is None:
            wait = await self._beyond(command, now)
        if wait:
            raise RateLimited(retry_after(wait))

    async def _beyond(self, command: Change, now: float) -> float:
        """Return the seconds to wait for a change beyond its caller's rate; 0 unless it is a first registration."""
        allowance, who = self._limit.newcomers, (caller(command.actor), command.dialect)
        if not allowance.counted(who, now):
            owner = None if isinstance(command, Advertise) else command.owner
            allowance.count(who, await self._kept.submit((command.dialect, owner)), now)
        if not isinstance(command, Register) or await self._registered_before.submit((command.dialect, command.key)):
            return 0.0
        return allowance.take(who, now)

    async def _look_up(self, keys: Sequence[Key]) -> Sequence[bool]:
        known = await self._store.find(lambda c: first_registrations.registered_before(c, keys))
        return [key in known for key in keys]

    async def _count(self, holder: Holder) -> int:
        lapsed = not self._policies.of(holder[0]).lapse_frees_key
        return await self._store.read(lambda c: first_registrations.count_kept(c, *holder, lapsed=lapsed))
