"""The transactions of commands. Many commands share one transaction; each has its own outcome."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy

from registry_gateway.core.clock import Clock
from registry_gateway.core.commands import Command, Outcome
from registry_gateway.core.errors import RegistryError, StoreUnavailable
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Event
from registry_gateway.observability.metrics import Metrics
from registry_gateway.registry.group_commit import apart
from registry_gateway.registry.outages import Outages
from registry_gateway.registry.write_batch import apply
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import lease_clock

Applied = Sequence[Outcome | RegistryError | None]
"""The outcomes of commands. None: the command found a lease past its deadline and was not decided."""


class Commits:
    """Executes commands in a database."""

    def __init__(
        self,
        store: Store,
        policies: Mapping[str, LeasePolicy],
        clock: Clock,
        outages: Outages,
        metrics: Metrics,
        report: Callable[[Sequence[Event]], None],
    ) -> None:
        """`report` is called with the events of each transaction after its commit."""
        self._store = store
        self._policies = policies
        self._clock = clock
        self._outages = outages
        self._metrics = metrics
        self._report = report

    async def commit(self, commands: Sequence[Command]) -> Sequence[Outcome | RegistryError]:
        """Execute commands in one transaction; those that find a lease past its deadline in a second one that may judge
        it.

        Raises:
            StoreUnavailable: The first transaction failed.
        """
        outcomes = await apart(self._write, commands)
        undecided = [command for command, outcome in zip(commands, outcomes, strict=True) if outcome is None]
        judged: Sequence[Outcome | RegistryError] = ()
        if undecided:
            try:
                judged = await apart(self._judge, undecided)
            except StoreUnavailable as error:  # the other commands are committed
                judged = [copy(error) for _ in undecided]
        rest = iter(judged)
        return [next(rest) if outcome is None else outcome for outcome in outcomes]

    async def _write(self, commands: Sequence[Command]) -> Applied:
        done = await self._store.write(lambda c: apply(c, commands, self._policies, lease_clock.given(c, self._clock)))
        return self._done(commands, *done)

    async def _judge(self, commands: Sequence[Command]) -> Sequence[Outcome | RegistryError]:
        done = await self._outages.judge(apply, commands, self._policies, judging=True)
        return [outcome for outcome in self._done(commands, *done) if outcome is not None]  # none is left undecided

    def _done(self, commands: Sequence[Command], outcomes: Applied, recorded: Sequence[Event]) -> Applied:
        self._metrics.committed(commands, outcomes)
        self._report(recorded)
        return outcomes
