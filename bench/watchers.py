"""`python -m bench.watchers`: what many watchers of the catalogue cost, on real connections to a real server."""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench import machine
from bench.servers.database import Databases
from bench.servers.server import Server
from bench.servers.targets import RUNSPEC_KEY, Gateway, Place

MIB = 2**20


class Watchers:
    """The connections: what has come by them, and when."""

    def __init__(self, server: Server, count: int) -> None:
        """Take the server and how many there are to be."""
        self._server = server
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = 0
        self.told: list[float] = []

    async def connect(self) -> None:
        """Return when all have had their snapshot."""
        for number in range(self._count):
            self._tasks.append(asyncio.create_task(self._watch()))
            if number % 100 == 99:
                await asyncio.sleep(0.05)
        while self._ready < self._count:  # noqa: ASYNC110 - a thousand tasks count up to it
            await asyncio.sleep(0.01)

    async def _watch(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._server.port)
        writer.write(f"GET /catalog/v1/events HTTP/1.1\r\nHost: {self._server.host}\r\n\r\n".encode())
        async for line in reader:
            self._ready += line.startswith(b"event: ready")
            if line.startswith(b"event: change"):
                self.told.append(time.monotonic())

    async def all_told(self, changes: int) -> None:
        """Return when all have been told of so many changes."""
        while len(self.told) < self._count * changes:  # noqa: ASYNC110 - the same tasks add to it
            await asyncio.sleep(0.005)

    def leave(self) -> None:
        """Close the connections."""
        for task in self._tasks:
            task.cancel()


async def measure(server: Server, count: int, seconds: float) -> None:
    """Print what they cost: connecting, idle, told of one change, and of many."""

    def used() -> float:
        fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / machine.TICK

    def resident() -> str:
        return f"{machine.resident_bytes(server.pid) / MIB:.0f} MiB"

    async with httpx.AsyncClient(base_url=f"http://{server.host}", trust_env=False, timeout=30) as client:

        async def register(key: str) -> None:
            body = {"instance_id": key, "name": "x", "version": "1", "host": "h"}
            answer = await client.post("/instances", json=body, headers={"X-API-Key": RUNSPEC_KEY})
            answer.raise_for_status()

        await register("first")
        before = used()
        await asyncio.sleep(seconds)
        print(f"no watchers: {resident()}, {(used() - before) / seconds * 60:.2f} s of CPU a minute")
        watchers, begin, before = Watchers(server, count), time.monotonic(), used()
        await watchers.connect()
        print(f"{count} come in {time.monotonic() - begin:.1f} s: {used() - before:.2f} s of CPU, then {resident()}")
        before = used()
        await asyncio.sleep(seconds)
        print(f"idle: {resident()}, {(used() - before) / seconds * 60:.2f} s of CPU a minute")
        for number in range(3):
            watchers.told.clear()
            begin, before = time.monotonic(), used()
            await register(f"one-{number}")
            await watchers.all_told(1)
            first, last = (f"{1000 * (moment - begin):.0f} ms" for moment in (watchers.told[0], watchers.told[-1]))
            print(f"a change: the first has it after {first}, the last after {last}; {used() - before:.2f} s of CPU")
            await asyncio.sleep(1)
        watchers.told.clear()
        begin, before, number = time.monotonic(), used(), 0
        while time.monotonic() - begin < seconds:
            await register(f"many-{number}")
            number += 1
        done = time.monotonic() - begin
        await watchers.all_told(number)
        late = watchers.told[-1] - begin - done
        share = (used() - before) / done
        print(f"changing: {number / done:.0f} registrations/s, {share:.0%} of a core, the last told {late:.2f} s later")
        watchers.leave()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m bench.watchers", description="Show what watchers cost.")
    parser.add_argument("--watchers", type=int, default=1000, help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each look (%(default)s)")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="(%(default)s)")
    chosen = parser.parse_args(arguments)
    cores = machine.cores()
    machine.allow_open_files(2 * chosen.watchers + 100)
    os.sched_setaffinity(0, {cores.load})
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        databases = Databases(Path(name), cores.server)
        try:
            kind = databases.sqlite if chosen.database == "sqlite" else databases.postgresql
            with Gateway(kind, {}).running(Place(cores.server, Path(name))) as (server, _):
                asyncio.run(measure(server, chosen.watchers, chosen.seconds))
        finally:
            databases.close()


if __name__ == "__main__":
    main()
