"""Fixtures of the end-to-end tests: the kinds of clients this machine can run."""

import pytest

from tests.e2e.chap_service import SERVICES
from tests.e2e.clients import MissingInterpreterError
from tests.e2e.registrant import Kind, parameters
from tests.e2e.runspec_agent import AGENTS


@pytest.fixture(scope="session")
def runnable_kinds(request: pytest.FixtureRequest) -> list[Kind]:
    """The kinds that tests of this run ask for and whose Python is here, each installed on first use."""
    parameters = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    asked = [of_test["kind"] for of_test in parameters if "kind" in of_test]
    kinds = []
    for kind in [kind for kind in (*AGENTS, *SERVICES) if kind in asked]:
        try:
            kind.environment.executable("python")
        except MissingInterpreterError:
            continue  # the tests of this kind say so, each for itself
        kinds.append(kind)
    return kinds


@pytest.fixture(params=parameters(*AGENTS, *SERVICES))
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind in turn; skipped, with the reason, where the machine lacks the Python it needs."""
    kind: Kind = request.param
    try:
        kind.environment.interpreter()
    except MissingInterpreterError as reason:
        pytest.skip(f"{kind.environment.name}: {reason}")
    return kind
