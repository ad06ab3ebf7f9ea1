"""The other commands of `registry-gateway`, at a gateway that is a process of its own.

They run in the process of the tests: a new one would take a second to import the same program. `serve` is always a
process of its own, and `tests/integration/test_cli_serve.py` runs the program itself.
"""

import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from click.testing import CliRunner

from registry_gateway.cli import main
from tests.e2e.child import clean_environment

TIMEOUT = 60.0


def run(arguments: list[str], environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a clean environment, with these variables besides; how it ended and what it printed.

    It has a thread of its own, since it has an event loop of its own and tests may have one.
    """
    cleared: dict[str, str | None] = dict.fromkeys(os.environ)
    with ThreadPoolExecutor(1) as thread:
        invoked = thread.submit(CliRunner().invoke, main, arguments, env=cleared | clean_environment(environment))
        result = invoked.result(TIMEOUT)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
