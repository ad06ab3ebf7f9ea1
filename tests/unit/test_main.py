"""The entry point: what `serve` and `sidecar` do before all else."""

import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
from types import ModuleType
heavy = ModuleType("registry_gateway.cli")
handler = lambda: getattr(signal.getsignal(signal.SIGHUP), "name", "function")
heavy.main = lambda: print(handler(), "asyncio" in sys.modules, "click" in sys.modules)
sys.modules["registry_gateway.cli"] = heavy
signal.signal(signal.SIGHUP, getattr(signal, sys.argv.pop()))
from registry_gateway.__main__ import main
sys.argv = ["registry-gateway", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("command", "before", "handler"),
    [
        ("serve", "SIG_DFL", "SIG_IGN"),
        ("sidecar", "SIG_DFL", "function"),
        ("sidecar", "SIG_IGN", "SIG_IGN"),
        ("events", "SIG_DFL", "SIG_DFL"),
    ],
)
def test_sighup_ends_nothing_that_handles_it_before_imports_that_take_long(
    command: str, before: str, handler: str
) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, command, before], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [handler, "False", "False"]
