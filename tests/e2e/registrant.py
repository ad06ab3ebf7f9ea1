"""What registers with the gateway: a real client in a process of its own, seen from both sides."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from tests.e2e.child import Child
from tests.e2e.clients import ClientEnvironment
from tests.e2e.gateway import Gateway
from tests.e2e.polling import wait_until


class Registrant(ABC):
    """A client's process, what the gateway lists of it, and what it says of the gateway."""

    def __init__(self, gateway: Gateway, name: str, child: Child) -> None:
        self.gateway = gateway
        self.name = name
        self.child = child

    @abstractmethod
    def document(self) -> dict[str, Any] | None:
        """What the gateway lists of it; None when it lists nothing."""

    @abstractmethod
    def identities(self) -> set[str]:
        """What tells the processes apart that are listed under its name."""

    @abstractmethod
    def last_heartbeat(self) -> Any:
        """When the gateway last heard of it, as the gateway spells it: another value is another heartbeat.

        None when it is not listed or was not heard since it registered.
        """

    @abstractmethod
    def complaints(self) -> list[str]:
        """The lines of its own log in which it reports a failure, oldest first."""

    def listed(self) -> dict[str, Any]:
        """Its document, where it has to have one."""
        document = self.document()
        assert document is not None, f"{self.name} is not listed\n{self.evidence()}"
        return document

    def wait_until_listed(self) -> dict[str, Any]:
        """Its document, as soon as it has one."""
        return wait_until(self.document, f"{self.name} is listed", evidence=self.evidence)

    def wait_for_a_heartbeat(self) -> None:
        """Return once the gateway has heard of it again."""
        before = self.last_heartbeat()
        wait_until(lambda: self.last_heartbeat() != before, f"{self.name} is heard", evidence=self.evidence)

    def evidence(self) -> str:
        """The ends of both logs, for a failure's message."""
        return f"--- {self.name}:\n{self.child.log()[-4000:]}\n--- gateway:\n{self.gateway.log()[-4000:]}"


@dataclass(frozen=True)
class Kind:
    """One published client in one configuration, of which any number can be started."""

    name: str
    environment: ClientEnvironment
    launch: Callable[[ClientEnvironment, Gateway, Path, str, str | None], Registrant]
    slow: bool = False
    """Whether tests with it are slow ones: another kind is the same client in a newer version, or is built on it."""

    def start(self, gateway: Gateway, directory: Path, name: str, key: str | None = None) -> Registrant:
        """Start one that registers as `name`, with this key if there is one; `directory` is made for it."""
        directory.mkdir()
        return self.launch(self.environment, gateway, directory, name, key)


def each(*kinds: Kind) -> pytest.MarkDecorator:
    """Run a test for each of these kinds, through the fixture that skips what this machine cannot run."""
    return pytest.mark.parametrize("kind", parameters(*kinds), indirect=True)


def parameters(*kinds: Kind) -> list[ParameterSet]:
    """Parameters of a test or fixture, one for each of these kinds."""
    return [pytest.param(kind, id=kind.name, marks=[pytest.mark.slow] if kind.slow else []) for kind in kinds]
