"""A real Redis server: started, stopped, frozen and restarted on one port, with a password and nothing on disk."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Refused
from redis.retry import Retry

from tests.e2e.child import Child
from tests.e2e.gateway import unused_port
from tests.e2e.polling import wait_until

PROGRAM = shutil.which("redis-server")
needs_redis = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed (Debian: redis-server)")

PASSWORD = "password-of-redis"


class RedisServer:
    """A server on loopback. `client` is a client of chap-core's database there; `url` names that database."""

    def __init__(self, directory: Path, options: Sequence[str] = ()) -> None:
        self.port = unused_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/3"
        self.client = self.database(3)
        self._directory = directory
        self._options = options
        self._child: Child | None = None

    def database(self, number: int) -> "Redis":
        """A client of a database."""
        return Redis(port=self.port, password=PASSWORD, db=number, retry=Retry(NoBackoff(), 0), socket_timeout=5)

    @property
    def process(self) -> Child:
        """The running process."""
        assert self._child is not None, "Redis was not started"
        return self._child

    def start(self) -> None:
        """Start it, again or for the first time, and return once it answers. A restart finds it empty."""
        assert PROGRAM is not None
        options = [
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--requirepass",
            PASSWORD,
            "--save",
            "",
            *self._options,
        ]
        if self._child is not None:
            self._child.close()
        log = self._directory / "redis.log"
        self._child = Child([PROGRAM, *options], log=log, directory=self._directory)
        wait_until(self._answers, "Redis answers", evidence=self._child.log)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except Refused:
            return False

    def value(self, id_: str) -> Any:
        """The value of a service; None if there is none."""
        return self.client.get(f"service:{id_}")

    def left(self, id_: str) -> int:
        """The milliseconds that a service still has; -1 for ever, -2 if it is absent."""
        left = self.client.pttl(f"service:{id_}")
        assert isinstance(left, int)
        return left

    def keys(self) -> dict[int, set[str]]:
        """The keys of each database that has any."""
        found: dict[int, set[str]] = {}
        for number in range(16):
            with self.database(number) as client:
                if keys := {key.decode() for key in client.scan_iter()}:
                    found[number] = keys
        return found

    def close(self) -> None:
        """Leave no process behind."""
        self.client.close()
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.go_on()
            self._child.close()


@contextmanager
def running_redis(directory: Path, *options: str) -> Iterator[RedisServer]:
    """A server for as long as the block runs."""
    directory.mkdir(exist_ok=True)
    server = RedisServer(directory, options)
    try:
        server.start()
        yield server
    finally:
        server.close()
