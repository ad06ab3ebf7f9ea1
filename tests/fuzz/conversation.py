"""What the three conversations share: a machine over a gateway on the manual clock, and how it is run."""

from collections.abc import Mapping
from typing import Any, ClassVar

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from registry_gateway.registry.registry import Registry
from tests.conftest import GatewayFactory, ManualClock
from tests.fuzz import CI
from tests.fuzz.bodies import MAX_BODY_BYTES
from tests.fuzz.gateway import FuzzedGateway, fuzzed


class Conversation(RuleBasedStateMachine):
    """Time passes and the gateway keeps house between the requests; both must show in no answer but by the clock."""

    gateway: ClassVar[FuzzedGateway]
    clock: ClassVar[ManualClock]

    @initialize()
    def begin(self) -> None:
        """Start with an empty registry."""
        self.gateway.clear()

    @property
    def now(self) -> float:
        """What the clock shows."""
        return self.clock.time

    @property
    def registry(self) -> Registry:
        """The core, for what no dialect can ask for."""
        return self.gateway.application.core.registry

    @rule(seconds=st.sampled_from([0.0, 0.5, 3.0, 29.5, 30.0, 89.0, 90.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        """Up to a deadline, onto it, and beyond."""
        self.clock.advance(seconds)

    @rule()
    def the_reaper_comes_by(self) -> None:
        """Clean-up shows in no answer."""
        self.gateway.portal.call(self.registry.expire)
        self.gateway.portal.call(self.registry.purge)

    def send(self, method: str, path: str, expected: int, **options: Any) -> httpx.Response:
        """Send a request and look at its status."""
        answer = self.gateway.send(method, path, **options)
        assert answer.status_code == expected, (method, path, options, answer.status_code, answer.text)
        return answer


def converse(
    machine: type[Conversation],
    start_gateway: GatewayFactory,
    clock: ManualClock,
    url: str,
    environment: Mapping[str, str],
    examples: int,
) -> None:
    """Run a machine against a gateway on the database behind `url`."""
    with fuzzed(start_gateway, url, {**environment, "REGISTRY_GATEWAY_MAX_BODY_BYTES": MAX_BODY_BYTES}) as gateway:
        bound = type(machine.__name__, (machine,), {"gateway": gateway, "clock": clock})
        run_state_machine_as_test(
            bound,
            settings=settings(
                max_examples=examples,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


EXAMPLES = {"sqlite": 12 if CI else 5, "postgresql": 2}
"""Conversations on each kind of database."""
