"""The limits of CHAP's run proxy: slow services, clients that leave, many requests, a gateway that stops."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import httpx
import pytest

from gateway_chap import run_proxy
from tests.conftest import GatewayFactory, core_of
from tests.integration.chap_service import KEY, WITH_KEY
from tests.integration.model_server import Model, answer
from tests.integration.test_chap_run import ON, OWN, RUN, register
from tests.integration.watcher import PATIENCE, listening

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


async def hang(_writer: asyncio.StreamWriter) -> None:
    """Answer nothing."""
    await asyncio.sleep(PATIENCE)


async def begin(writer: asyncio.StreamWriter) -> None:
    """Answer with the beginning of a body alone."""
    writer.write(HEAD + b"begin")
    await writer.drain()
    await asyncio.sleep(PATIENCE)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Answer a little at a time."""
    writer.write(HEAD)
    for _ in range(999):
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    """A model's server that answers /hang, /begin and /drip as these do."""
    model = Model()
    model.scripts |= {"/hang": hang, "/begin": begin, "/drip": drip}
    async with model.listening():
        yield model


@pytest.fixture
async def client(start_gateway: GatewayFactory, sqlite_url: str, model: Model) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that passes requests on, with the model registered."""
    async with start_gateway(sqlite_url, {**WITH_KEY, **ON, **OWN}) as client:
        await register(client, model.url)
        yield client


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    with anyio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is looked at sets no event
            await anyio.sleep(0.01)


async def test_a_service_that_does_not_answer_in_time(
    remote: httpx.AsyncClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_proxy, "ANSWER_SECONDS", 0.2)
    found = await remote.get(RUN + "/hang")
    assert (found.status_code, found.json()) == (504, {"detail": "Service my-model did not answer in time"})
    model.scripts["/loop"] = answer("Location: /hang", status="302 Found")  # the limit is on all redirects together
    assert (await remote.get(RUN + "/loop")).status_code == 504


@pytest.mark.parametrize("limit", ["connect", "read"])
async def test_a_service_that_does_not_accept_or_write_in_time(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(run_proxy, "TIMEOUT", {**run_proxy.TIMEOUT, limit: 0.2})
    with socket.socket() as deaf:  # its queue is full: no further connection is accepted
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        await register(client, f"http://127.0.0.1:{deaf.getsockname()[1]}")
        waiting = [socket.socket() for _ in range(4 if limit == "connect" else 0)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(deaf.getsockname())
        found = await remote.get(RUN + "/x")
        for one in waiting:
            one.close()
    assert (found.status_code, found.json()) == (504, {"detail": "Service my-model did not answer in time"})


async def broken_off(remote: httpx.AsyncClient, path: str) -> bytes:
    """What there is of an answer that breaks off; it must, and must not look whole."""
    got = b""
    async with remote.stream("GET", RUN + path) as found:
        assert found.status_code == 200
        try:
            async for piece in found.aiter_raw():
                got += piece
        except httpx.TransportError:
            return got
    raise AssertionError("the answer looks whole")


async def test_an_answer_that_takes_too_long(
    remote: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_proxy, "STREAM_SECONDS", 0.3)
    assert await broken_off(remote, "/drip")
    monkeypatch.setattr(run_proxy, "STREAM_SECONDS", PATIENCE)
    monkeypatch.setattr(run_proxy, "TIMEOUT", {**run_proxy.TIMEOUT, "read": 0.2})
    assert await broken_off(remote, "/begin") == b"begin"
    assert [record.getMessage() for record in caplog.records] == ["the answer of a service broke off"] * 2
    assert (await remote.get(RUN + "/x")).status_code == 200


@pytest.mark.parametrize(
    "answered",
    [
        HEAD + b"begin",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\nno-size\r\n",
    ],
)
async def test_an_answer_that_the_service_breaks_off(
    remote: httpx.AsyncClient, model: Model, answered: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    model.scripts["/x"] = answered
    assert await broken_off(remote, "/x") == b"begin"
    assert [record.getMessage() for record in caplog.records] == ["the answer of a service broke off"]


@pytest.mark.parametrize("path", ["/hang", "/begin", "/drip"])
async def test_a_client_that_leaves(
    remote: httpx.AsyncClient, model: Model, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_proxy, "MOST_STREAMS", 1)
    with anyio.move_on_after(0.3):
        async with remote.stream("GET", RUN + path) as found:
            async for _ in found.aiter_raw():
                pass
    with anyio.fail_after(PATIENCE):
        await model.left.wait()  # the service is not kept busy
    found = await remote.get(RUN + "/x")  # and neither is the gateway
    assert found.status_code == 200


async def test_a_client_that_does_not_read(remote: httpx.AsyncClient, model: Model) -> None:
    written = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536

    model.scripts["/x"] = flood
    async with remote.stream("GET", RUN + "/x") as found:
        assert found.status_code == 200
        before = -1
        while written != before:
            before = written
            await asyncio.sleep(0.3)
    assert written < 64 * 2**20  # what the sockets' buffers hold, and not what the service has to say


async def test_the_number_of_requests_is_limited(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_proxy, "MOST_STREAMS", 3)
    monkeypatch.setattr(run_proxy, "MOST_STREAMS_OF_A_SERVICE", 2)
    await register(client, model.url, "other")
    await register(client, model.url, "third")
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(remote.get(RUN + "/hang")), group.create_task(remote.get(RUN + "/begin"))]
        await until(lambda: len(model.heads) == 2)
        found = await remote.get(RUN + "/x")
        assert (found.status_code, found.headers["retry-after"]) == (503, "1")
        assert "passes 2 requests on to a service at a time" in found.json()["detail"]
        assert (await remote.get("/v2/services/other/run/x")).status_code == 200
        waiting.append(group.create_task(remote.get("/v2/services/other/run/hang")))
        await until(lambda: len(model.heads) == 4)
        found = await remote.get("/v2/services/third/run/x")
        assert (found.status_code, found.headers["retry-after"]) == (503, "1")
        assert "passes 3 requests on at a time" in found.json()["detail"]
        # Nothing but the run proxy is full.
        pinged = await remote.put("/v2/services/my-model/$ping", headers={"X-Service-Key": KEY})
        assert pinged.status_code == 200
        for task in waiting:
            task.cancel()
    with anyio.fail_after(PATIENCE):
        while (await remote.get("/v2/services/third/run/x")).status_code == 503:  # noqa: ASYNC110 - no event says it
            await anyio.sleep(0.01)


async def test_a_gateway_that_stops_waits_little(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_proxy, "STOP_SECONDS", 0.2)

    async def short(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        await until(core_of(client).stopping.is_set)
        writer.write(b"k")

    model.scripts["/short"] = short
    async with asyncio.TaskGroup() as group:
        hanging = group.create_task(remote.get(RUN + "/hang"))
        begun = group.create_task(broken_off(remote, "/begin"))
        whole = group.create_task(remote.get(RUN + "/short"))
        await until(lambda: len(model.heads) == 3)
        await anyio.sleep(0.1)
        core_of(client).stop()
        with anyio.fail_after(5):
            await asyncio.wait([hanging, begun, whole])
    assert (hanging.result().status_code, hanging.result().json()) == (503, {"detail": "The gateway stops"})
    assert begun.result() == b"begin"
    assert whole.result().text == "ok"


async def test_the_address_is_checked_again_after_a_redirect(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = socket.getaddrinfo
    addresses = iter(["127.0.0.1", "169.254.169.254"])

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        return system(next(addresses) if host == "rebound.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    await register(client, f"http://rebound.example:{model.port}")
    model.scripts["/x"] = answer("Location: /y", status="302 Found")
    found = await remote.get(RUN + "/x")
    assert found.status_code == 502
    assert found.json() == {"detail": "Service my-model is at an address to which this gateway makes no connections"}
    assert model.targets == ["/x"]


async def test_environment_proxies_are_not_used(
    start_gateway: GatewayFactory, sqlite_url: str, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with start_gateway(sqlite_url, {**WITH_KEY, **ON, **OWN}) as client, listening(client) as remote:
        await register(client, model.url)
        assert (await remote.get(RUN + "/x")).status_code == 200
