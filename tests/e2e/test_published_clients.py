"""The first, the last and the turning points of each published client; `make test-clients` tries all of them."""

import pytest

from tests.e2e.clients import MissingInterpreterError
from tests.e2e.published import KEPT
from tests.e2e.registrant import Kind, each
from tests.e2e.trial import STEPS, Trial, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """What became of all that this machine can run."""
    return run([kind for kind in KEPT if runs(kind)], tmp_path_factory.mktemp("trial"))


def runs(kind: Kind) -> bool:
    """Install a client; tell whether its Python is here."""
    try:
        kind.environment.executable("python")
    except MissingInterpreterError:
        return False  # its test is skipped, with the reason
    return True


@each(*KEPT)
def test_a_published_client(trial: Trial, kind: Kind) -> None:
    assert trial.passed[kind.name] == set(STEPS), trial.evidence.get(kind.name)
