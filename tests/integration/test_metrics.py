"""The figures of a gateway, as a scrape has them."""

import asyncio
import shutil
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import anyio
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message

from registry_gateway.endpoints import openapi
from registry_gateway.endpoints.prometheus import collector
from registry_gateway.endpoints.prometheus.collector import FRESH, SIZE_SECONDS
from registry_gateway.http.answer import Answer
from registry_gateway.http.mount import Mount, Mounted
from registry_gateway.observability.metrics import Metrics
from registry_gateway.store import database_size
from registry_gateway.store.database_size import Size
from registry_gateway.store.engine import Store
from tests.conftest import START, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent, scaicontrol_account
from tests.integration.catalogue_reader import problem
from tests.integration.prometheus_reader import METRICS, TARGETS, scrape
from tests.integration.watcher import listening, watching

pytestmark = pytest.mark.anyio

PREFIX = "registry_gateway_"


async def test_registrations_are_judged_when_they_are_scraped(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await chap_service.register(client)
        await runspec_agent.register(client, "a1")
        await (await scaicontrol_account.service(client)).register("invoices")
        name = f"{PREFIX}registrations"
        first = await scrape(client)
        assert first.value(name, dialect="chap", status="up") == 1
        assert first.value(name, dialect="runspec", status="up") == 1
        assert first.value(name, dialect="scaicontrol", status="pending") == 1
        assert first.value(name, dialect="scaicontrol", status="up") == 0
        assert sum(first.series(name).values()) == 3
        clock.advance(runspec_agent.TTL)
        later = await scrape(client)  # nothing has swept
        assert later.value(name, dialect="chap", status="up") == 0
        assert later.value(name, dialect="runspec", status="down") == 1
        assert later.value(name, dialect="scaicontrol", status="pending") == 1


async def test_a_count_is_good_for_a_moment(start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock) -> None:
    def reads() -> float:
        lanes = core_of(client).registry.metrics.transactions
        return sum(lanes.seconds["read"].row[:-1])

    async with start_gateway(sqlite_url) as client:
        await asyncio.gather(*(scrape(client) for _ in range(5)))
        assert reads() == 1
        clock.advance(FRESH)
        await scrape(client)
        assert reads() == 2


async def test_heartbeats_are_counted_by_dialect_and_outcome(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    name = f"{PREFIX}heartbeats_total"
    async with start_gateway(sqlite_url, chap_service.REFUSE_LATE) as client:
        await chap_service.register(client)
        await chap_service.ping(client)
        await chap_service.ping(client, "nobody")
        billing = await scaicontrol_account.service(client)
        await billing.register("invoices")
        stranger = await scaicontrol_account.service(client, "stranger")
        assert (await stranger.heartbeat("invoices")).status_code == 403
        await runspec_agent.register(client)
        clock.advance(chap_service.TTL)
        assert (await chap_service.ping(client)).status_code == 404
        clock.advance(runspec_agent.TTL)
        await runspec_agent.beat(client)  # late, which revives an agent
        found = (await scrape(client)).series(name)
        assert found == {
            frozenset({("dialect", "chap"), ("outcome", "renewed")}): 1,
            frozenset({("dialect", "chap"), ("outcome", "unknown")}): 1,
            frozenset({("dialect", "chap"), ("outcome", "lapsed")}): 1,
            frozenset({("dialect", "scaicontrol"), ("outcome", "refused")}): 1,
            frozenset({("dialect", "runspec"), ("outcome", "renewed")}): 1,
        }


async def test_events_and_with_them_lapses_are_counted_by_each_way_to_record_them(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    name = f"{PREFIX}events_total"
    async with start_gateway(database_url) as client:
        before = await scrape(client)
        assert before.value(name, dialect="chap", kind="expired") == 0  # there from the start, for rate()
        await chap_service.register(client)
        await chap_service.register(client, display_name="Another name")
        await runspec_agent.register(client)
        clock.advance(chap_service.TTL)
        await core_of(client).registry.expire()
        after = await scrape(client)
        assert after.value(name, dialect="chap", kind="registered") == 1
        assert after.value(name, dialect="chap", kind="updated") == 1
        assert after.value(name, dialect="chap", kind="expired") == 1
        assert after.value(name, dialect="runspec", kind="registered") == 1
        assert sum(after.series(name).values()) == 4


async def test_requests_are_counted_and_timed_by_operation(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    requests, seconds = f"{PREFIX}requests_total", f"{PREFIX}request_duration_seconds"
    async with start_gateway(sqlite_url) as client:
        await chap_service.register(client)
        for _ in range(3):
            await chap_service.ping(client)
        await chap_service.ping(client, "nobody")
        await client.head("/v2/services")
        etag = (await client.get("/v2/services")).headers["etag"]
        await client.get("/v2/services", headers={"If-None-Match": etag})
        await client.patch("/v2/services")
        await client.get("/v2/elsewhere")
        await client.get("/nowhere")
        found = await scrape(client)
        assert found.value(requests, dialect="chap", operation="ping", status="2xx") == 3
        assert found.value(requests, dialect="chap", operation="ping", status="4xx") == 1
        assert found.value(requests, dialect="chap", operation="ping", status="5xx") == 0
        assert found.value(requests, dialect="chap", operation="list", status="2xx") == 2
        assert found.value(requests, dialect="chap", operation="list", status="3xx") == 1
        assert found.value(requests, dialect="chap", operation="other", status="4xx") == 2
        assert found.value(requests, dialect="gateway", operation="other", status="4xx") == 1
        assert found.value(f"{seconds}_count", dialect="chap", operation="ping") == 4
        assert found.value(f"{seconds}_bucket", dialect="chap", operation="ping", le="+Inf") == 4
        assert 0 < found.value(f"{seconds}_sum", dialect="chap", operation="ping") < 10
        again = await scrape(client)
        assert again.value(requests, dialect="prometheus", operation="metrics", status="2xx") == 1


async def test_routes_of_other_makes_are_measured_too() -> None:
    async def shine(request: Request) -> Response:
        if request.query_params:
            raise ValueError("a defect")
        return PlainTextResponse("shines", status_code=201)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        """Let it go."""

    mount = Mount([Route("/beacon/{name}", shine)], lambda _error, _scope: Answer(500))
    metrics = Metrics(["beacon"])
    mounted = Mounted("beacon", mount, metrics.mount("beacon", openapi.names(mount)))
    for query in (b"", b"", b"x=1"):
        scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/beacon/north", "headers": []}
        await mounted(scope | {"query_string": query}, receive, send)
    operation = metrics.requests[0].operations[0]
    assert operation.name == "GET /beacon/{name}"
    assert list(operation.statuses) == [0, 0, 2, 0, 0, 1]


async def test_batches_transactions_and_queues(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await asyncio.gather(*(client.put(f"/v2/services/s-{n}/$ping") for n in range(20)))
        await client.get("/v2/services/nobody")
        await client.get("/v2/services")
        found = await scrape(client)
        assert found.value(f"{PREFIX}batch_size_sum", queue="write") == 20
        assert 1 <= found.value(f"{PREFIX}batch_size_count", queue="write") < 20
        assert found.value(f"{PREFIX}batch_size_sum", queue="find") == 1
        commits = found.value(f"{PREFIX}batch_size_count", queue="write")
        seconds = f"{PREFIX}transaction_duration_seconds"
        assert found.value(f"{seconds}_count", lane="write") == commits
        assert found.value(f"{seconds}_sum", lane="write") > 0
        size_is_asked_for = not database_url.startswith("sqlite")
        for lane, reads in {"find": 1, "scan": 1, "read": 1 + size_is_asked_for}.items():
            assert found.value(f"{seconds}_count", lane=lane) == reads, lane
        assert not found.series(f"{PREFIX}transaction_failures_total")
        assert found.value(f"{PREFIX}queue_length", queue="write") == 0


async def test_a_queue_is_as_long_as_it_is(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        metrics = core_of(client).registry.metrics
        asked = [asyncio.create_task(chap_service.ping(client, f"s-{n}")) for n in range(600)]
        most = 0.0
        while not all(task.done() for task in asked):
            most = max(most, metrics.counters.read(START)[metrics.waiting["write"]][0])
            await asyncio.sleep(0)
        assert 0 < most <= 600


async def test_watchers_are_counted_and_how_long_they_watch_is_not(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url) as client, listening(client) as remote:
        assert (await scrape(client)).value(f"{PREFIX}watchers") == 0
        async with watching(remote) as first, watching(remote) as second:
            await first.snapshot()
            await second.snapshot()
            assert (await scrape(client)).value(f"{PREFIX}watchers") == 2
        with anyio.fail_after(10):
            while (told := await scrape(client)).value(f"{PREFIX}watchers"):  # noqa: ASYNC110 - nobody is told when the server has noticed
                await anyio.sleep(0.01)
        watch = {"dialect": "catalogue", "operation": "watch"}
        assert told.value(f"{PREFIX}requests_total", status="2xx", **watch) == 2
        assert told.value(f"{PREFIX}request_duration_seconds_count", **watch) == 0


async def test_without_the_database_the_other_metrics_are_there(start_gateway: GatewayFactory, tmp_path: Path) -> None:
    async with start_gateway(f"postgresql://postgres@/registry?host={tmp_path}") as client:
        assert (await chap_service.ping(client)).status_code == 503
        found = await scrape(client)
        assert found.value(f"{PREFIX}database_up") == 0
        assert not found.series(f"{PREFIX}registrations")
        assert found.value(f"{PREFIX}transaction_failures_total", lane="write") >= 1
        assert found.value(f"{PREFIX}transaction_duration_seconds_count", lane="write") == 0
        assert found.value(f"{PREFIX}requests_total", dialect="chap", operation="ping", status="5xx") == 1


async def test_without_the_database_a_protected_gateway_recognises_nobody(
    start_gateway: GatewayFactory, tmp_path: Path
) -> None:
    url, protected = f"postgresql://postgres@/registry?host={tmp_path}", {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}
    async with start_gateway(url, protected) as client:
        answer = await client.get(METRICS, headers={"Authorization": "Bearer rgw_0123456789abcdef_secret"})
        problem(answer, 503)


async def test_a_database_that_hangs_does_not_hold_a_scrape(
    start_gateway: GatewayFactory, postgresql_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Store(postgresql_url)
    async with start_gateway(postgresql_url) as client:
        assert (await scrape(client)).value(f"{PREFIX}database_up") == 1
        async with other.engine.connect() as connection:
            await connection.exec_driver_sql("LOCK TABLE registrations IN ACCESS EXCLUSIVE MODE")
            clock.advance(FRESH)
            with monkeypatch.context() as patch:
                patch.setattr(collector, "DATABASE_SECONDS", 1.0)
                assert (await scrape(client)).value(f"{PREFIX}database_up") == 0
        assert (await scrape(client)).value(f"{PREFIX}database_up") == 1
    await other.close()


async def test_the_format_is_the_one_that_is_asked_for(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    wanted = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    async with start_gateway(sqlite_url) as client:
        answer = await client.get(METRICS, headers={"Accept": wanted})
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        parsed = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call] # the library leaves it so
        assert f"{PREFIX}heartbeats" in {family.name for family in parsed}
        for odd in ("text/plain;version=x", "application/openmetrics-text;version=x", "", "image/png"):
            answer = await client.get(METRICS, headers={"Accept": odd})
            assert answer.status_code == 200, odd
            assert answer.headers["content-type"].startswith("text/plain"), odd


async def test_the_process_and_the_program_have_metrics(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        found = await scrape(client)
        assert len(found.series(f"{PREFIX}build_info")) == 1
        assert found.value("process_resident_memory_bytes") > 1e6
        assert found.series("python_info")


@pytest.mark.parametrize("path", [METRICS, TARGETS])
async def test_who_may_read_the_catalogue_may_read_this(
    start_gateway: GatewayFactory, sqlite_url: str, path: str
) -> None:
    closed = [
        {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"},
        {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": "k" * 20, "REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"},
    ]
    for number, environment in enumerate(closed):
        async with start_gateway(sqlite_url, environment) as client:
            problem(await client.get(path), 401)
            operation = (await client.get("/openapi.json")).json()["paths"][path]["get"]
            assert operation["security"] == [{"catalogue_token": []}]
            assert {"401", "403"} <= set(operation["responses"])
            for scope, status in (("registry:manage", 403), ("read:catalog", 200)):
                account = await scaicontrol_account.service(client, f"{scope[:4]}-{number}", [scope])
                answer = await client.get(path, headers={"Authorization": f"Bearer {account.token}"})
                assert answer.status_code == status
    async with start_gateway(sqlite_url) as client:
        assert (await client.get(path)).status_code == 200
        assert (await client.head(path)).content == b""


def _file_sizes(directory: Path) -> int:
    return sum((directory / name).stat().st_size for name in ("registry.db", "registry.db-wal"))


async def test_the_size_of_the_database_and_what_its_disk_has_left(
    start_gateway: GatewayFactory,
    database_url: str,
    tmp_path: Path,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken, free = f"{PREFIX}database_size_bytes", f"{PREFIX}database_disk_free_bytes"
    sqlite = database_url.startswith("sqlite")
    async with start_gateway(database_url) as client:
        await chap_service.register(client)
        first = await scrape(client)
        assert first.value(taken) > 50_000
        assert bool(first.series(free)) is sqlite  # PostgreSQL's disk may be another machine's
        if not sqlite:
            return
        assert first.value(taken) == _file_sizes(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(3, 1, 2))
        assert (await scrape(client)).value(free) == first.value(free)
        clock.advance(SIZE_SECONDS)
        assert (await scrape(client)).value(free) == 2


async def test_a_disk_that_does_not_answer_holds_up_nothing(
    start_gateway: GatewayFactory, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = Semaphore(0), Event()

    def hang(_path: Path) -> Size:
        asked.release()
        answered.wait(10)
        return Size(1, 1)

    async with start_gateway(sqlite_url) as client:
        await scrape(client)  # what it reads of the services stays fresh
        monkeypatch.setattr(database_size, "_of_file", hang)
        monkeypatch.setattr(collector, "SIZE_SECONDS", 0.0)
        monkeypatch.setattr(collector, "DATABASE_SECONDS", 1.0)
        try:
            for found in await asyncio.gather(*(scrape(client) for _ in range(10))):
                assert found.value(f"{PREFIX}database_up") == 1
                assert not found.series(f"{PREFIX}database_size_bytes")
            assert asked.acquire(timeout=1)
            assert not asked.acquire(blocking=False), "one thread waits, and no more"
        finally:
            answered.set()
