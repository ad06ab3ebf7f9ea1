"""Requests that an adapter holds until something changes, in a real process: they are woken, and hold up no stop."""

import concurrent.futures
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway import Gateway
from tests.e2e.polling import wait_until

ADAPTER = '''
"""An adapter that only reads: it holds requests, and writes down when it is opened and closed."""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from registry_gateway.adapter import Adapter, Answer, LeasePolicy, Mount, fastapi_errors, resource


class Settings(msgspec.Struct, frozen=True):
    pass


def mount(core, own):
    async def changed(call):
        moment = await core.registry.moment()
        note("held")
        told = await core.feed.changed(moment.event, within=60)
        return Answer(200, b"changed" if told else b"the same")

    async def stopping(call):
        note("held")
        await core.stopping.wait()
        return Answer(200, b"stopping")

    @contextlib.asynccontextmanager
    async def lifespan():
        async def follow():
            async for batch in core.feed.follow(0):
                for event in batch.events:
                    note(event.key)

        moment = await core.registry.moment()
        note(f"opened at {moment.event}")
        task = asyncio.create_task(follow())
        try:
            yield
        finally:
            await task  # it ends by itself when the gateway stops
            moment = await core.registry.moment()  # the database is still open
            note(f"closed at {moment.event}")

    routes = [resource("/held/changed", GET=changed), resource("/held/stopping", GET=stopping)]
    return Mount(routes, fastapi_errors.fault, lifespan=lifespan)


def note(text):
    with Path("held.txt").open("a") as file:
        file.write(text + "\\n")


adapter = Adapter(
    name="held",
    segments=frozenset({"held"}),
    settings=Settings,
    policy=lambda core, own: LeasePolicy(late_renewal="refuse", retention=0),
    mount=mount,
    welcome=lambda url, own: [],
)
'''

AGENT = {"instance_id": "a1", "name": "portal", "version": "1", "host": "web-1"}


@pytest.fixture(
    params=[
        pytest.param((), id="one process"),
        pytest.param(("--workers", "2"), id="two workers", marks=pytest.mark.slow),
    ]
)
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that found the adapter on its path."""
    (tmp_path / "gateway_held.py").write_text(ADAPTER)
    installed = tmp_path / "gateway_held-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: gateway-held\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[registry_gateway.adapters]\nheld = gateway_held:adapter\n")
    options: Sequence[str] = request.param
    gateway = Gateway(tmp_path, {"PYTHONPATH": str(tmp_path)}, options=options)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.close()


def test_held_requests_are_woken_by_a_change_and_end_with_the_gateway(gateway: Gateway, tmp_path: Path) -> None:
    noted = tmp_path / "held.txt"
    processes = 1 if "--workers" not in gateway._options else 2
    wait_until(lambda: noted.read_text().count("opened") == processes, "all processes run", evidence=gateway.log)

    def ask(path: str) -> tuple[str, float]:
        answer = client.get(f"{gateway.url}/held/{path}")
        return answer.text, time.monotonic()

    with (
        httpx.Client(verify=False, timeout=20, trust_env=False) as client,
        concurrent.futures.ThreadPoolExecutor(20) as pool,
    ):
        held = [pool.submit(ask, "changed") for _ in range(8)]
        wait_until(lambda: noted.read_text().count("held") == 8, "all are held", evidence=gateway.log)
        time.sleep(0.2)
        assert not any(request.done() for request in held)
        assert gateway.http.post("/instances", json=AGENT).status_code == 201
        assert {request.result()[0] for request in held} == {"changed"}

        wait_until(lambda: noted.read_text().count("a1") == processes, "all followed it", evidence=gateway.log)

        held = [pool.submit(ask, path) for path in ("changed", "stopping") for _ in range(8)]
        wait_until(lambda: noted.read_text().count("held") == 24, "all are held", evidence=gateway.log)
        assert not any(request.done() for request in held)
        began = time.monotonic()
        assert gateway.process.terminate() == 0, gateway.log()
        assert time.monotonic() - began < 4
        answers = [request.result() for request in held]
    assert sorted({text for text, _ in answers}) == ["stopping", "the same"]
    assert max(at for _, at in answers) - began < 2
    gateway.check_traces()
    notes = [line for line in noted.read_text().splitlines() if line != "held"]
    assert sorted(notes) == ["a1"] * processes + ["closed at 1"] * processes + ["opened at 0"] * processes


@pytest.mark.slow
def test_a_stop_without_requests_closes_what_is_open(gateway: Gateway, tmp_path: Path) -> None:
    wait_until(lambda: (tmp_path / "held.txt").exists(), "it was opened", evidence=gateway.log)
    assert gateway.process.terminate() == 0, gateway.log()
    notes = (tmp_path / "held.txt").read_text().splitlines()
    assert notes.count("opened at 0") == notes.count("closed at 0") >= 1
    gateway.check_traces()
