"""The dependencies: bounded, and written down in one version each that anybody can install again."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_EXTRAS = [text for extra in ("postgresql", "chap-core", "mcp") for text in EXTRAS[extra]]
NEEDED = [Requirement(text) for text in (*PROJECT["dependencies"], *OF_EXTRAS)]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()


@pytest.mark.parametrize("needed", NEEDED, ids=str)
def test_each_has_both_bounds(needed: Requirement) -> None:
    assert {one.operator for one in needed.specifier} == {">=", "<"}


@pytest.mark.parametrize("needed", NEEDED, ids=str)
def test_each_is_among_the_constraints_within_its_bounds(needed: Requirement) -> None:
    [version] = re.findall(rf"^{re.escape(needed.name)}==(\S+)", CONSTRAINTS, re.M)
    assert needed.specifier.contains(version)


def test_each_constraint_is_one_version_with_hashes_and_nothing_of_the_machine_it_was_made_on() -> None:
    entries = re.split(r"\n(?=[a-z])", re.sub(r"^#.*\n", "", CONSTRAINTS, flags=re.M).strip())
    assert len(entries) > len(NEEDED)
    for entry in entries:
        head, *hashes = entry.split(" \\\n")
        assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.+!]+( ; [a-zA-Z_0-9<>=!'. ]+)?", head), head
        assert hashes
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", line.rstrip()) for line in hashes), head


def audited(tmp_path: Path, dependencies: list[dict[str, Any]] | None) -> tuple[int, str]:
    """The exit code and the words of the end of `make audit`, after a report of pip-audit's; None: there is none."""
    report = tmp_path / "report.json"
    if dependencies is not None:
        report.write_text(json.dumps({"dependencies": dependencies, "fixes": []}))
    done = subprocess.run(
        [sys.executable, ROOT / ".ci" / "audit.py", report], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


GOOD = {"name": "good", "version": "1", "vulns": []}
UNKNOWN = {"name": "unknown", "skip_reason": "Dependency not found on PyPI and could not be audited: unknown (1)"}
BAD = {
    "name": "bad",
    "version": "2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"], "aliases": ["CVE-1"], "description": "long"}],
}


def test_an_audit_says_what_was_not_looked_up(tmp_path: Path) -> None:
    assert audited(tmp_path, [GOOD]) == (0, "0 advisories of 1 packages looked up.\n")
    code, said = audited(tmp_path, [GOOD, UNKNOWN])
    assert code == 0
    assert "Not looked up, since the index has no advisories of them (1 of 2):\n  unknown\n" in said


def test_an_audit_fails_for_an_advisory_or_if_nothing_was_looked_up(tmp_path: Path) -> None:
    assert audited(tmp_path, None)[0] == 1
    assert audited(tmp_path, [UNKNOWN])[0] == 1
    code, said = audited(tmp_path, [GOOD, BAD, UNKNOWN])
    assert code == 1
    assert said.startswith("bad 2: PYSEC-1, CVE-1 (fixed in 3)\n")
    assert said.endswith("1 advisories of 2 packages looked up.\n")
