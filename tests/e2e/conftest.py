"""Fixtures of the end-to-end tests: the kinds of clients this machine can run."""

import pytest

from tests.e2e.chap_service import SERVICES
from tests.e2e.clients import MissingInterpreterError
from tests.e2e.registrant import Kind
from tests.e2e.runspec_agent import AGENTS


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
