"""The service as a child: what it is sent when it has to end."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from typing import IO

import pytest

from registry_gateway.sidecar.children import Children
from registry_gateway.sidecar.service import Service

pytestmark = pytest.mark.anyio


@pytest.fixture
async def children() -> AsyncIterator[Children]:
    """Children of this test, which are reaped."""
    children = Children()
    yield children
    children.close()


async def started(children: Children, script: str, stop_timeout: float) -> tuple[Service, IO[bytes]]:
    """A service that has said that it is ready, and its further output."""
    child = children.start(["sh", "-c", script], stdout=subprocess.PIPE)
    assert child.output is not None
    assert await asyncio.to_thread(child.output.readline) == b"ready\n"
    return Service(child, stop_timeout), child.output


async def test_a_service_that_ignores_sigint_is_sent_sigterm_later(children: Children) -> None:
    service, output = await started(children, "trap '' INT; echo ready; exec sleep 60", 0.4)
    service.pass_on(signal.SIGINT)
    assert await service.finish() == 128 + signal.SIGTERM
    output.close()


async def test_a_service_that_does_not_end_is_sent_sigterm_once_and_then_killed(children: Children) -> None:
    script = "trap 'echo term' TERM; echo ready; while :; do sleep 0.02; done"
    service, output = await started(children, script, 0.4)
    service.pass_on(signal.SIGTERM)
    assert await service.finish() == 128 + signal.SIGKILL
    with output:
        assert output.read() == b"term\n"
