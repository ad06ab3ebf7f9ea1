"""chap-core as a consumer: the `Orchestrator` of its published wheel, unmodified, on a real Redis."""

import json
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.child import clean_environment
from tests.e2e.clients import CACHE, ClientEnvironment, fetch_wheel
from tests.e2e.redis_server import PASSWORD, RedisServer

PROGRAM = Path(__file__).parent / "programs" / "chap_core.py"

CHAP_CORE = ClientEnvironment("chap-core", ("redis==8.1.0", "pydantic[email]==2.14.4"))
"""What its `Orchestrator` needs."""

VERSION = "2.5.1"
"""The newest version. Its wheel requires Python 3.13, so it is unpacked instead of installed."""


class ChapCore:
    """A process that has chap-core's `Orchestrator`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def call(self, method: str, *arguments: Any) -> Any:
        """The result of a method as JSON; AssertionError with the text of what it raises."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, f"chap-core: {answer['error']}"
        return answer["answer"]

    def listed(self) -> dict[str, Any]:
        """The services that it lists, by id."""
        services = self.call("get_all")["services"]
        found = {service["id"]: service for service in services}
        assert len(found) == len(services)
        return found


@contextmanager
def chap_core(server: RedisServer) -> Iterator[ChapCore]:
    """chap-core on a Redis for as long as the block runs."""
    wheel = fetch_wheel("chap-core", VERSION, "3.13")
    unpacked = CACHE / f"chap-core-{VERSION}-unpacked"
    if not unpacked.is_dir():
        partial = unpacked.with_suffix(f".{server.port}")
        zipfile.ZipFile(wheel).extractall(partial)
        try:
            partial.rename(unpacked)
        except OSError:  # another test process was faster
            assert unpacked.is_dir()
    process = subprocess.Popen(
        [CHAP_CORE.executable("python"), PROGRAM, unpacked, str(server.port), PASSWORD],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield ChapCore(process)
        finally:
            process.terminate()
