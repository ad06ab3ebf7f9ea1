"""Fixtures of the end-to-end tests: the kinds of clients this machine can run."""

from pathlib import Path

import pytest

from tests.e2e.chap_service import SERVICES
from tests.e2e.clients import MissingInterpreterError
from tests.e2e.registrant import Kind
from tests.e2e.runspec_agent import AGENTS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a module in one process: what takes time happens once, in fixtures of the module."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def runnable_kinds() -> list[Kind]:
    """The kinds whose Python is here, each installed on first use."""
    kinds = []
    for kind in [*AGENTS, *SERVICES]:
        try:
            kind.environment.executable("python")
        except MissingInterpreterError:
            continue  # the tests of this kind say so, each for itself
        kinds.append(kind)
    return kinds


@pytest.fixture(params=[*AGENTS, *SERVICES], ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind in turn; skipped, with the reason, where the machine lacks the Python it needs."""
    kind: Kind = request.param
    try:
        kind.environment.interpreter()
    except MissingInterpreterError as reason:
        pytest.skip(f"{kind.environment.name}: {reason}")
    return kind
