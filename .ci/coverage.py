"""What CI says of coverage: a line for each package of how much of it the tests ran.

Reads the report of `coverage json`. What only other processes run, such as the gateways of end-to-end tests, is not
in it.
"""

import json
import sys
from collections import Counter
from pathlib import Path, PurePath
from typing import Any


def package(file: str) -> str:
    """Return the name of the package that a file belongs to: a room of the gateway, or an adapter."""
    parts = PurePath(file).parts
    if parts[0] == "adapters":
        return parts[1]
    return ".".join(parts[:2]) if len(parts) > 2 else parts[0]


def lines(report: Any) -> list[str]:
    """Return the lines to print, by package, and one for all."""
    ran: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for file, found in report["files"].items():
        summary = found["summary"]
        for name in (package(file), "all"):
            ran[name] += summary["covered_lines"] + summary["covered_branches"]
            there[name] += summary["num_statements"] + summary["num_branches"]
    names = [*sorted(there.keys() - {"all"}), "all"]
    return [f"{name:32} {100 * ran[name] / (there[name] or 1):5.1f} % of {there[name]}" for name in names]


if __name__ == "__main__":
    print("Coverage, of lines and branches:")
    print("\n".join(lines(json.loads(Path(sys.argv[1]).read_text()))))
