"""Skipped tests: no harm on a bare machine, a failure in CI unless the list names them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import skips

ROOT = Path(__file__).resolve().parents[2]
TEST = """
import pytest

@pytest.mark.skip(reason="no such program")
def test_marked(): pass

def test_inside(): pytest.skip("no such server")

def test_done(): pass
"""


def run(directory: Path, monkeypatch: pytest.MonkeyPatch, ci: str | None) -> str:
    """Run two skipped tests and one that is not in a process of its own; the last line it prints."""
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    (directory / "test_it.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "-p", "no:cacheprovider", "-p", "tests.skips"]
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    done = subprocess.run(
        [*command, "--rootdir", directory, directory], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


def test_a_bare_machine_skips_with_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "1 passed, 2 skipped" in run(tmp_path, monkeypatch, None)


def test_in_ci_a_skip_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = run(tmp_path, monkeypatch, "true")
    assert "1 failed, 1 passed, 1 error" in printed  # a mark skips before the test begins
    assert "no such program\nSkipped where CI=true: install what it needs in .ci/run" in printed
    assert "no such server\nSkipped where CI=true" in printed


def test_each_exception_has_a_reason() -> None:
    assert all(reason.strip() for reason in skips.allowed().values())
