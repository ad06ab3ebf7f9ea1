"""What CI prints of coverage: a line for each room and adapter, from the report of `coverage json`."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def measured(statements: int, covered: int) -> dict[str, object]:
    """What the report says of a file without branches."""
    return {
        "summary": {
            "num_statements": statements,
            "covered_lines": covered,
            "num_branches": 0,
            "covered_branches": 0,
        }
    }


def test_a_line_for_each_package_and_one_for_all(tmp_path: Path) -> None:
    report = tmp_path / "coverage.json"
    files = {
        "registry_gateway/core/lease.py": measured(30, 30),
        "registry_gateway/store/engine.py": measured(40, 10),
        "registry_gateway/store/lanes/pool.py": measured(10, 10),
        "registry_gateway/app.py": measured(10, 5),
        "adapters/gateway_chap/wire.py": measured(10, 0),
    }
    report.write_text(json.dumps({"files": files}))
    command = [sys.executable, str(ROOT / ".ci" / "coverage.py"), str(report)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [line.split() for line in printed.splitlines()[1:]] == [
        ["gateway_chap", "0.0", "%", "of", "10"],
        ["registry_gateway", "50.0", "%", "of", "10"],
        ["registry_gateway.core", "100.0", "%", "of", "30"],
        ["registry_gateway.store", "40.0", "%", "of", "50"],
        ["all", "55.0", "%", "of", "100"],
    ]
