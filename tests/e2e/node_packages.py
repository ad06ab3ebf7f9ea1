"""The packages of npm that tests use, installed in `.clients/` as the lock file beside their package.json says."""

import fcntl
import filecmp
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.clients import CACHE

LISTED = Path(__file__).with_name("typescript")


def node_packages() -> Path:
    """Return the directory with `node_modules`, made on the first call. Without node and npm the test is skipped."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm here; install them: apt-get install npm")
    directory = CACHE / "typescript"
    directory.mkdir(parents=True, exist_ok=True)
    with (CACHE / "typescript.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp, listed = directory / ".installed", LISTED / "package-lock.json"
        if not stamp.is_file() or not filecmp.cmp(stamp, listed, shallow=False):
            shutil.copytree(LISTED, directory, dirs_exist_ok=True)
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run([npm, "ci", *options], cwd=directory, check=True, timeout=300)
            shutil.copyfile(listed, stamp)
    return directory
