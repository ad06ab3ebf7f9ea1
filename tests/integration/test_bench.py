"""The benchmark runs, with numbers so small that they say nothing. Whether anything is fast is not a test."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (apt-get install wrk)")

ROOT = Path(__file__).resolve().parents[2]


def run(directory: Path, module: str, *arguments: str) -> dict[str, Any]:
    """Run one of the benchmarks with tiny numbers and return what it wrote as JSON."""
    results = directory / "results.json"
    command = [sys.executable, "-m", module, "--quick", "--json", str(results), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    content: dict[str, Any] = json.loads(results.read_text())
    return content


@needs_wrk
def test_comparison(tmp_path: Path) -> None:
    """Every kind of target is started and gives right answers, and the ceiling is measured beside them."""
    chosen = [
        "heartbeat-new-connection-chap-sqlite",
        "list-chap-sqlite",
        "register-scaicontrol-sqlite-full",
        "all-tools-changed-runspec-postgresql",
    ]
    content = run(tmp_path, "bench", *[f"--only={name}" for name in chosen])
    rows = {row["id"]: row for row in content["results"]}
    assert set(rows) == {"heartbeat-chap-bare", "heartbeat-new-connection-chap-bare", *chosen}
    assert [row["problem"] for row in rows.values() if row["problem"]] == []
    assert all(row["rate"] > 0 for row in rows.values())
    assert rows["heartbeat-new-connection-chap-bare"]["ratio"] is None
    assert all(rows[name]["ratio"] > 0 for name in chosen)
    assert content["quotable"] is False


@needs_wrk
def test_growth(tmp_path: Path) -> None:
    """Every size is filled, asked and swept."""
    content = run(tmp_path, "bench.scale", "--database=sqlite")
    assert [(row["entries"], row["problem"]) for row in content["results"]] == [(20, ""), (60, "")]
    assert all(row["heartbeat"] > 0 and row["sweep_ms"] > 0 for row in content["results"])


def test_wrk_missing() -> None:
    """Without wrk, one line says how to get it, and the exit code is 2."""
    command = [sys.executable, "-m", "bench"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "apt-get install wrk" in done.stderr


@needs_wrk
def test_unknown_id() -> None:
    """A filter that matches nothing is an error and no empty table."""
    command = [sys.executable, "-m", "bench", "--quick", "--only", "heartbeat-chap-oracle"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--list" in done.stderr


def test_watchers() -> None:
    """Watchers come, are told of everything, and leave."""
    command = [sys.executable, "-m", "bench.watchers", "--watchers=20", "--seconds=0.5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "20 come in" in done.stdout
    assert "changing:" in done.stdout
