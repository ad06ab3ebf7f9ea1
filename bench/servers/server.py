"""A server under load: a child process on the servers' core, from its start until it has ended."""

import http.client
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.machine import on_core

START_TIMEOUT = 60.0
"""Seconds a server has to answer for the first time."""


class ServerFailed(Exception):
    """A server did not start, or a command of the gateway did not work. The message holds what it said."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    pid: int
    port: int
    start_seconds: float
    """From the start of the process to its first answer that it is ready."""

    @property
    def host(self) -> str:
        """The Host header it is addressed with."""
        return f"127.0.0.1:{self.port}"


def unused_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str | Path], port: int, *, ready: str, core: int, directory: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Run a server while the block runs; it is in when `ready`, a path, answers 200. Its log is in `directory`.

    Raises:
        ServerFailed: It ended, or did not get ready.
    """
    log = directory / f"server-{port}.log"
    begin = time.monotonic()
    with log.open("wb") as output, on_core(core):
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        while not _ready(port, ready):
            waited = time.monotonic() - begin
            if process.poll() is not None or waited > START_TIMEOUT:
                raise ServerFailed(f"{command[0]} is not ready after {waited:.1f} s; {_tail(log)}")
            time.sleep(0.01)
        yield Server(process.pid, port, time.monotonic() - begin)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == 200
    connection.close()
    return False


def _tail(log: Path) -> str:
    return f"its log ends with:\n{log.read_text(errors='replace')[-2000:]}"


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a server: ours, without settings of the gateway that happen to be set, and `settings`.

    Nothing in it makes Python slower or more talkative than for a user.
    """
    ours = ("REGISTRY_", "SERVICEKIT_", "PYTHONDEV", "PYTHONASYNCIODEBUG", "PYTHONMALLOC", "COVERAGE")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | dict(settings)
