"""Where CI=true a skipped test is a failure: it would test nothing there, and nobody would look.

`skips.txt` names the tests that may be skipped all the same.
"""

import os
from collections.abc import Generator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("skips.txt")


def allowed() -> dict[str, str]:
    """Return the reason for each pattern of test ids."""
    lines = [line for line in LIST.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return {pattern: reason for pattern, _, reason in (line.partition("  ") for line in lines)}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure that says what to do."""
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true"
    if skipped and not any(fnmatchcase(item.nodeid, pattern) for pattern in allowed()):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        advice = f"install what it needs in .ci/run, or name it in {LIST.name}"
        report.outcome, report.longrepr = "failed", f"{why}\nSkipped where CI=true: {advice}"
    return report
