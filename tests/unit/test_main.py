"""The entry point: what `serve` and `sidecar` do before all else."""

import subprocess
import sys

import pytest

PROGRAM = """
import signal, sys
from types import ModuleType
heavy = ModuleType("registry_gateway.cli")
heavy.main = lambda: print(signal.getsignal(signal.SIGHUP).name, "asyncio" in sys.modules, "click" in sys.modules)
sys.modules["registry_gateway.cli"] = heavy
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from registry_gateway.__main__ import main
sys.argv = ["registry-gateway", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(("command", "handler"), [("serve", "SIG_IGN"), ("sidecar", "SIG_IGN"), ("events", "SIG_DFL")])
def test_what_handles_sighup_ignores_it_before_it_imports_anything_that_takes_long(command: str, handler: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, command], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [handler, "False", "False"]
