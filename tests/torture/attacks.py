"""What hostile clients do, all at once, each from a loopback address of its own and bounded in rate and size.

Run as `python -m tests.torture.attacks PORT SECONDS`; the token of a ScaiControl account that changes its version with
each heartbeat is in `ATTACK_TOKEN`. It prints one JSON object when it has ended: the statuses each attack was answered
with. `closed` counts connections the gateway closed or refused.
"""

import asyncio
import base64
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

from tests.torture.wire import connect

KIB = 1024
MIB = 1024 * KIB


class Attack:
    """One kind of attack: its clients run side by side until the time is over."""

    def __init__(self, name: str, port: int, number: int, token: str) -> None:
        self.name = name
        self.port = port
        self.source = f"127.0.1.{number + 1}"
        self.token = token
        self.statuses: Counter[str] = Counter()
        self.random = random.Random(number)  # the same attacks in each run

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> int:
        """Send one request on a connection of its own and note the status."""
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        async with connect(self.port, self.source) as wire:
            reply = await wire.ask(method, path, sent, {k.replace("_", "-"): v for k, v in headers.items()})
        self.statuses[str(reply.status)] += 1
        return reply.status

    async def repeat(self, once: Callable[["Attack"], Awaitable[None]], pause: float, until: float) -> None:
        """Do `once` until the time is over, with a pause in seconds between two, and one of a random length before."""
        await asyncio.sleep(self.random.uniform(0, pause))
        while time.monotonic() < until:
            try:
                await once(self)
            except OSError:
                self.statuses["closed"] += 1
            except TimeoutError:
                self.statuses["no answer"] += 1
            await asyncio.sleep(pause)


# --- bytes


async def trailers(attack: Attack) -> None:
    """Send trailer fields without end, or one endless value, after a chunked body."""
    async with connect(attack.port, attack.source) as wire:
        await wire.send(
            b"PUT /v2/services/x/$ping HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        )
        field = b"X-Forwarded-For: 192.0.2.1\r\n" * 512 if attack.random.random() < 0.5 else b"x" * 16 * KIB
        for _ in range(256):
            await wire.send(field)
        attack.statuses[str((await wire.answer()).status)] += 1


async def pipeline(attack: Attack) -> None:
    """Send 256 KiB of requests and read nothing."""
    async with connect(attack.port, attack.source) as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined] # a socket's transport has it
        wire.writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n" * (256 * KIB // 33))
        await asyncio.sleep(3)
        attack.statuses["sent"] += 1


async def leave(attack: Attack) -> None:
    """Leave in the middle: of a head, of a body, before two answers; or send a byte too many."""
    start = b"POST /v2/services/$register HTTP/1.1\r\nHost: gateway\r\n"
    body = b'{"url":"http://a","info":{"id":"stray","display_name":"Stray"}}'
    length = b"Content-Length: %d\r\n\r\n" % len(body)
    sent = (start, start + length + body[:20], start + length + body + b"x", b"GET / HTTP/1.1\r\nHost: g\r\n\r\n" * 2)
    async with connect(attack.port, attack.source) as wire:
        await wire.send(attack.random.choice(sent))
        attack.statuses["sent"] += 1


async def drip(attack: Attack) -> None:
    """Hold a connection with half a head."""
    async with connect(attack.port, attack.source) as wire:
        for byte in b"GET /v2/services HTTP/1.1":
            await wire.send(bytes([byte]))
            await asyncio.sleep(1)
        attack.statuses["sent"] += 1


# --- requests


async def odd_paths(attack: Attack) -> None:
    """Ask for encoded, endless and escaped paths."""
    token = f"rgw_{attack.random.randbytes(8).hex()}_{attack.random.randbytes(32).hex()}"
    path = attack.random.choice(
        (
            "/%6detrics",
            "/%61dmin/v1/accounts",
            "/admin/v1/accounts%0A",
            "/%C2%9B31m%E2%80%AE",
            "/x" * 8_000,
            f"/{token}",
            f"/v2/services/{token}",
            f"/catalog/v1/services?{token}=1",
        )
    )
    await attack.ask("GET", path)


async def odd_hosts(attack: Attack) -> None:
    """Register with a Host header that is none."""
    host = attack.random.choice(("evil/x?y=#", "gw@evil", "a b", "<script>", "[::1", "a,b", "x" * 4_000))
    body = {"url": "http://a", "info": {"id": "odd-host", "display_name": "Odd host"}}
    await attack.ask("POST", "/v2/services/$register", body, Host=host)


async def odd_bodies(attack: Attack) -> None:
    """Send deep, broken, large and non-UTF-8 JSON."""
    body = attack.random.choice((b"[" * 100_000, b"{" * 9, b"\xff\xfe{}", b"x" * 2 * MIB, b'{"url": 1}', b""))
    path = attack.random.choice(("/v2/services/$register", "/instances", "/instances/fleet-1/tools"))
    await attack.ask("POST", path, body)


async def forge(attack: Attack) -> None:
    """Send tokens that are none: JWTs of any header and payload."""
    parts = (b"\xff\xfe", b'{"alg":"none"}', b'{"alg":"RS256","kid":"a"}', b"[" * 5_000, b"{}", b"\x00")
    token = b".".join(base64.urlsafe_b64encode(attack.random.choice(parts)).rstrip(b"=") for _ in range(3)).decode()
    path = attack.random.choice(("/api/v1/registry/heartbeat", "/admin/v1/accounts", "/catalog/v1/services"))
    method = "POST" if path.endswith("heartbeat") else "GET"
    await attack.ask(method, path, {"slug": "x"} if method == "POST" else None, Authorization=f"Bearer {token}")


# --- what costs the registry


async def churn(attack: Attack) -> None:
    """Register and deregister a new id each time."""
    key = f"churn-{attack.random.randbytes(6).hex()}"
    body = {"url": "http://a", "info": {"id": key, "display_name": "Churn"}}
    async with connect(attack.port, attack.source) as wire:
        reply = await wire.ask("POST", "/v2/services/$register", json.dumps(body).encode())
        attack.statuses[str(reply.status)] += 1
        reply = await wire.ask("DELETE", f"/v2/services/{key}")
        attack.statuses[str(reply.status)] += 1


async def versions(attack: Attack) -> None:
    """Heartbeat with another version each time."""
    version = f"1.0.{attack.random.randrange(10**9)}"
    bearer = {"Authorization": f"Bearer {attack.token}"}
    body = {"slug": "restless", "name": "Restless", "version": version}
    if await attack.ask("POST", "/api/v1/registry/heartbeat", body, **bearer) == 404:
        await attack.ask("POST", "/api/v1/registry/register", body, **bearer)


async def tools(attack: Attack) -> None:
    """Post long lists of tools for twenty instances, and read all of them."""
    key = f"toolbox-{attack.random.randrange(20)}"
    agent = {"instance_id": key, "name": "toolbox", "version": "1", "host": key}
    listed = [{"name": f"{key}-{n}", "description": "", "inputSchema": {}, "x-command": "t"} for n in range(2_000)]
    if await attack.ask("POST", f"/instances/{key}/tools", {"tools": listed}) == 404:
        await attack.ask("POST", "/instances", agent)
    await attack.ask("GET", "/tools")


async def past(attack: Attack) -> None:
    """Ask what was alive at an instant nobody asked for before."""
    at = time.time() - attack.random.random() * 5
    await attack.ask("GET", f"/catalog/v1/services?at={at:.6f}&limit=1000")


async def search(attack: Attack) -> None:
    """Search the catalogue for a text nobody asked for before, and read the figures."""
    await attack.ask("GET", f"/catalog/v1/services?q={attack.random.randbytes(4).hex()}&limit=1000")
    await attack.ask("GET", attack.random.choice(("/metrics", "/sd/prometheus", "/catalog/v1/stats", "/")))


async def watch(attack: Attack) -> None:
    """Hold a watch with filters of its own for some seconds."""
    async with connect(attack.port, attack.source) as wire:
        path = f"/catalog/v1/events?q={attack.random.randbytes(4).hex()}"
        await wire.send(f"GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        head = await wire.reader.readuntil(b"\r\n\r\n")
        attack.statuses[head.split()[1].decode()] += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(20):
                while await wire.reader.read(64 * KIB):
                    pass


KINDS: dict[Callable[[Attack], Awaitable[None]], tuple[int, float]] = {
    trailers: (2, 1.0),
    pipeline: (20, 20.0),
    leave: (4, 0.2),
    drip: (50, 1.0),
    odd_paths: (2, 0.2),
    odd_hosts: (1, 0.2),
    odd_bodies: (2, 0.5),
    forge: (2, 0.2),
    churn: (4, 0.1),
    versions: (2, 0.1),
    tools: (1, 5.0),
    past: (40, 2.0),
    search: (4, 1.0),
    watch: (600, 10.0),
}
"""How many clients each attack has, and the seconds between two attempts of one."""


def attacks(port: int, token: str) -> Iterator[Attack]:
    """Return the attacks, one for each kind."""
    for number, kind in enumerate(KINDS):
        yield Attack(kind.__name__, port, number, token)


async def main(port: int, seconds: float) -> None:
    """Run all attacks and print the statuses each was answered with."""
    until = time.monotonic() + seconds
    everything = list(attacks(port, os.environ["ATTACK_TOKEN"]))
    async with asyncio.TaskGroup() as running:
        for attack, (once, (clients, pause)) in zip(everything, KINDS.items(), strict=True):
            for _ in range(clients):
                running.create_task(attack.repeat(once, pause, until))
    print(json.dumps({attack.name: dict(attack.statuses) for attack in everything}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
