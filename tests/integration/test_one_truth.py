"""Every reader tells the same of a service, in an outage as well: the database can be read, and nobody can write."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import anyio
import httpx
import msgspec
import pytest
from sqlalchemy.engine import make_url

from registry_gateway import app
from registry_gateway.endpoints.catalogue.reader import Reader
from registry_gateway.store.statements.search import Wanted
from tests.conftest import DAY, GatewayFactory, ManualClock, core_of
from tests.contract.services import listen
from tests.integration import catalogue_reader, chap_service, prometheus_reader, runspec_agent, scaicontrol_account
from tests.integration.command_line import command

pytestmark = pytest.mark.anyio

Unwritable = Callable[[], AbstractContextManager[None]]

LIVING = {"my-model", "a1", "billing"}


@pytest.fixture
def unwritable(database_url: str, request: pytest.FixtureRequest) -> Unwritable:
    """`with unwritable():` the database can be read and not be written: another process has SQLite's only write lock;
    PostgreSQL is a server that takes no writes, as a standby.
    """

    @contextmanager
    def locked() -> Iterator[None]:
        other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.close()

    @contextmanager
    def read_only() -> Iterator[None]:
        psql: Callable[[str], str] = request.getfixturevalue("postgresql")
        name = make_url(database_url).database
        cut = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        psql(cut)
        try:
            yield
        finally:
            psql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            psql(cut)

    return locked if database_url.startswith("sqlite") else read_only


async def alive_by_reader(client: httpx.AsyncClient, url: str, clock: ManualClock) -> dict[str, set[str]]:
    """Return the keys of what each reader calls alive."""
    told: dict[str, set[str]] = {}
    chap = (await client.get("/v2/services")).json()["services"]
    told["chap list"] = {service["id"] for service in chap} | {"a1", "billing"}
    told["chap look-up"] = {
        key for key in ("my-model", "dead-model") if (await client.get(f"/v2/services/{key}")).status_code == 200
    } | {"a1", "billing"}
    instances = (await client.get("/instances")).json()
    told["runspec list"] = {i["instance_id"] for i in instances} | {"my-model", "billing"}
    tools = (await client.get("/tools")).json()
    told["runspec tools"] = {{"web-01": "a1", "web-02": "dead-agent"}[h["host"]] for t in tools for h in t["hosts"]}
    told["runspec tools"] |= {"my-model", "billing"}
    registry = core_of(client).registry
    told["scaicontrol"] = {e.registration.key for e in await registry.list("scaicontrol", alive=True)}
    told["scaicontrol"] |= {"a1", "my-model"}
    told["catalogue"] = set(await catalogue_reader.keys(client, status="up,pending"))
    told["catalogue service"] = {
        key
        for dialect, key in (
            ("chap", "my-model"),
            ("runspec", "a1"),
            ("scaicontrol", "billing"),
            ("runspec", "dead-agent"),
        )
        if (await catalogue_reader.shown(client, dialect, key))["lease"]["alive"]
    }
    at = catalogue_reader.listed(client, at=chap_service.iso(clock.now()))
    told["catalogue past"] = {service["key"] for service in (await at)["services"]}
    snapshot, _ = await Reader(core_of(client).registry.queries, DAY).snapshot(Wanted(statuses=()), None)
    told["watch"] = {str(service.key) for service in snapshot if service.status in ("up", "pending")}
    targets = (await client.get("/sd/prometheus?status=up,pending")).json()
    told["discovery"] = {group["labels"]["__meta_registry_gateway_key"] for group in targets} | {"billing"}
    listing = await anyio.to_thread.run_sync(lambda: command(url, "services", "list", "--alive", "--json").stdout)
    told["command line"] = {service["key"] for service in msgspec.json.decode(listing)}
    told["command line, one"] = {"my-model", "billing"} | {
        key
        for key in ("a1", "dead-agent")
        if "unless renewed"
        in (await anyio.to_thread.run_sync(lambda key=key: command(url, "services", "show", key).stdout))  # type: ignore[misc] # bound in the loop
    }
    exported = await anyio.to_thread.run_sync(lambda: command(url, "export").stdout)
    lines = [msgspec.json.decode(line) for line in exported.splitlines()]
    told["export"] = {line["key"] for line in lines if line["lease"]["alive"]}
    return told


async def numbers(client: httpx.AsyncClient) -> tuple[int, int]:
    """Return how many services are up or pending, by the catalogue's figures and by Prometheus'."""
    stats = (await client.get("/catalog/v1/stats")).json()["by_status"]
    samples = [
        s
        for family in prometheus_reader.Scrape((await client.get("/metrics")).text).families
        for s in family.samples
        if s.name == "registry_gateway_registrations" and s.labels["status"] in ("up", "pending")
    ]
    return stats["up"] + stats["pending"], int(sum(s.value for s in samples))


async def test_in_an_outage_every_reader_calls_the_same_services_alive(
    start_gateway: GatewayFactory,
    database_url: str,
    clock: ManualClock,
    unwritable: Unwritable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "SystemClock", lambda: clock)  # for the commands
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        await registry.start()
        await chap_service.register(client, id="dead-model")
        await runspec_agent.register(client, "dead-agent", host="web-02")
        await runspec_agent.post_tools(client, "dead-agent", runspec_agent.ROTATE)
        await listen(registry, clock, runspec_agent.TTL)
        await chap_service.register(client)
        await runspec_agent.register(client)
        await runspec_agent.post_tools(client, "a1", runspec_agent.ROTATE)
        await (await scaicontrol_account.service(client)).register("billing")
        await registry.resume()
        with unwritable():
            for away in (2, 10_000):
                clock.advance(away)
                for reader, alive in (await alive_by_reader(client, database_url, clock)).items():
                    assert alive == LIVING, f"{reader}, {away} s later"
                assert await numbers(client) == (3, 3)
        await listen(registry, clock, runspec_agent.TTL + 1)
        assert await numbers(client) == (1, 1), "and what is dead is dead when somebody listens: one waits for approval"


async def statuses_by_reader(client: httpx.AsyncClient, url: str) -> dict[str, dict[str, str]]:
    """Return the status of each service as each reader has it. The administrator's answer approves what is pending."""

    async def printed(*arguments: str) -> bytes:
        result = await anyio.to_thread.run_sync(lambda: command(url, *arguments))
        assert result.exit_code == 0, result.output
        return result.stdout_bytes

    names = {"pending", "up", "degraded", "down", "gone"}
    listed = (await client.get("/catalog/v1/services", params={"status": ",".join(names)})).json()["services"]
    keys = [(service["dialect"], service["key"]) for service in listed]
    rows = msgspec.json.decode(await printed("services", "list", "--json"))
    lines = (await printed("export")).splitlines()
    table = (await printed("services", "list")).decode().splitlines()[1:]
    return {
        "catalogue": {service["key"]: service["status"] for service in listed},
        "catalogue, one": {key: (await catalogue_reader.shown(client, d, key))["status"] for d, key in keys},
        "services list --json": {row["key"]: row["status"] for row in rows},
        "services list": {row.split()[0]: next(word for word in row.split() if word in names) for row in table},
        "services show": {
            key: msgspec.json.decode(await printed("services", "show", key, "--json"))["status"] for _, key in keys
        },
        "export": {line["key"]: line["status"] for line in map(msgspec.json.decode, lines)},
    }


async def test_a_service_has_one_status_for_every_reader(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SystemClock", lambda: clock)  # for the commands
    settings = {"REGISTRY_GATEWAY_SCAICONTROL_INTERNAL_SERVICES": "silent,late,alive,unwell"}
    async with start_gateway(database_url, settings) as client:
        registry = core_of(client).registry
        await registry.start()
        account = await scaicontrol_account.service(client)
        await runspec_agent.register(client)  # 90 s
        for slug in ("silent", "late", "alive", "unwell", "waiting"):
            await account.register(slug, heartbeat_interval_seconds=30)
        await listen(registry, clock, 600)
        await account.heartbeat("late")
        await listen(registry, clock, 120)
        await account.heartbeat("alive")
        await account.heartbeat("unwell", status="unhealthy")
        expected = {
            "a1": "down",
            "silent": "down",  # for 12 minutes
            "late": "degraded",
            "alive": "up",
            "unwell": "degraded",
            "waiting": "pending",
        }
        for reader, found in (await statuses_by_reader(client, database_url)).items():
            assert found == expected, reader

        token = (await core_of(client).accounts.create("ops", ["admin:registry"], [])).token
        for slug, stands in {"silent": "down", "late": "degraded", "alive": "up", "waiting": "down"}.items():
            headers = {"Authorization": f"Bearer {token}"}
            answer = await client.post("/admin/v1/services/approve", json={"key": slug}, headers=headers)
            service = answer.json()["data"]
            assert (service["status"], service["approved"]) == (stands, True)
