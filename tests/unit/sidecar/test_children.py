"""Processes that the sidecar starts."""

import os
import subprocess
import sys

import pytest

CHANGED = """
import asyncio, logging, os, signal, subprocess
from registry_gateway.sidecar import service
from registry_gateway.sidecar.children import Children

async def work():
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = service.Service(Children().start(["sleep", "2"], **quiet), 0.1)
    os.setuid(65534)
    print(await started.finish())

logging.basicConfig(format="%(message)s")
service.KILLED_WITHIN = 0.1
asyncio.run(work())
"""
"""A sidecar and a service that run as different users."""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_process_of_another_user_can_not_be_signalled_and_is_left_running() -> None:
    done = subprocess.run([sys.executable, "-c", CHANGED], capture_output=True, text=True, check=True)
    assert done.stdout == "137\n"
    term, kill, left = done.stderr.splitlines()
    assert term.startswith("can't send SIGTERM to process ")
    assert kill.startswith("can't send SIGKILL to process ")
    assert kill.endswith(": it runs as another user")
    assert left == "the service can't be killed; it is left running"
