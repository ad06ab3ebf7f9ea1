"""The page's scripts outside of a browser: their parts that show nothing, with Node's own test runner."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTED = "attention completion filters gateway live past row sentences strip text"


def test_the_scripts_of_the_page() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here to run the page's scripts with; install one: apt-get install nodejs")
    done = subprocess.run([node, "--test"], cwd=HERE, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(HERE.glob("*.test.js"))) == len(TESTED.split())
    assert "# fail 0" in done.stdout
