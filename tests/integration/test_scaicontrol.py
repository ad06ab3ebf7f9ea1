"""The ScaiControl dialect on the wire: what its services ask for, and what becomes of them."""

from itertools import pairwise

import msgspec
import pytest

from registry_gateway.core.commands import Approve
from registry_gateway.core.model import Actor, EventKind
from tests.conftest import GatewayFactory, ManualClock, core_of
from tests.integration.scaicontrol_account import HEARTBEAT, REGISTER, data, events, found, refused, service

pytestmark = pytest.mark.anyio

START = "2027-01-15T08:00:00+00:00"
ADMINISTRATOR = Actor("cli:root")


async def test_a_registration_is_answered_in_full(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        answer = await billing.register("invoices", name="Invoices", heartbeat_interval_seconds=20)
        registered = data(answer, 201)
        assert len(registered.pop("id")) == 36
        assert registered == {
            "slug": "invoices",
            "name": "Invoices",
            "version": "1.0.0",
            "status": "pending",
            "health_status": "healthy",
            "heartbeat_interval_seconds": 20,
            "registered_at": START,
            "updated_at": START,
        }
        meta = answer.json()["meta"]
        assert meta["timestamp"] == START
        [event] = await events(client, "invoices")
        assert (event.kind, event.actor, event.request_id) == (
            EventKind.REGISTERED,
            "account:billing",
            meta["request_id"],
        )
        entry = await found(client, "invoices")
        assert entry.registration.owner == "account:billing"
        assert entry.registration.lease.ttl == 60


async def test_every_request_has_an_id_of_its_own(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        billing = await service(client)
        answers = [await billing.register("invoices"), await billing.heartbeat("invoices")]
        ids = [answer.json()["meta"]["request_id"] for answer in answers]
        assert all(one.startswith("req_") for one in ids)
        assert all(one != other for one, other in pairwise(ids))


async def test_what_was_sent_is_kept_as_it_was_sent(start_gateway: GatewayFactory, database_url: str) -> None:
    sent = (
        b'{"slug":"invoices","name":"R\xc3\xa9gistre","version":"1","description":null,"app_id":"app-1",'
        b'"base_url":"http://invoices:8000","health_check_url":"/health","capabilities":["pdf",{"kind":"xml"}],'
        b'"endpoints":{"api":"/v1"},"heartbeat_interval_seconds":30,"metadata":{"deep":[1.50,{"a":null}]},'
        b'"tags":["eu"],"dependencies":[{"slug":"scaikey"}],"icon":"\\u0000","big":123456789012345678901234567890}'
    )
    async with start_gateway(database_url) as client:
        billing = await service(client)
        data(await billing.send("POST", REGISTER, sent), 201)
        entry = await found(client, "invoices")
        assert entry.document == sent
        assert entry.registration.address == "http://invoices:8000"


async def test_known_internal_services_are_active_at_once(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        flow = await service(client, "scaiflow")
        assert data(await flow.register("scaiflow"), 201)["status"] == "active"
        assert data(await flow.register("scaiflow-2"), 201)["status"] == "pending"


async def test_the_list_of_internal_services_is_a_setting(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    environment = {"REGISTRY_GATEWAY_SCAICONTROL_INTERNAL_SERVICES": "invoices, ledger"}
    async with start_gateway(sqlite_url, environment) as client:
        billing = await service(client)
        statuses = [data(await billing.register(slug), 201)["status"] for slug in ("invoices", "ledger", "scaiflow")]
        assert statuses == ["active", "active", "pending"]


async def test_a_pending_service_waits_for_an_administrator(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        await billing.register("invoices")
        assert data(await billing.heartbeat("invoices"))["status"] == "pending"
        assert data(await billing.update("invoices"))["status"] == "pending"
        await core_of(client).registry.approve(Approve("scaicontrol", "invoices", ADMINISTRATOR))
        assert data(await billing.heartbeat("invoices"))["status"] == "active"
        assert data(await billing.update("invoices", version="2.0.0"))["status"] == "active"


async def test_a_live_slug_is_a_conflict(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        await billing.register("invoices")
        clock.advance(89.9)
        before = await found(client, "invoices")
        message = refused(await billing.register("invoices", version="2.0.0"), 409, "conflict")
        assert "PUT" in message
        assert await found(client, "invoices") == before


async def test_a_service_that_crashed_registers_again_after_its_lease(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        billing, stranger = await service(client), await service(client, "stranger")
        first = data(await billing.register("invoices"), 201)
        clock.advance(90)
        refused(await stranger.register("invoices"), 403, "forbidden")
        again = data(await billing.register("invoices", version="1.1.0"), 201)
        assert (again["id"], again["registered_at"]) == (first["id"], first["registered_at"])
        assert again["updated_at"] == "2027-01-15T08:01:30+00:00"
        assert again["version"] == "1.1.0"


async def test_an_update_replaces_what_is_known_and_keeps_the_history(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        first = data(await billing.register("invoices", capabilities=["pdf"], base_url="http://old"), 201)
        clock.advance(10)
        for _ in range(2):  # idempotent
            updated = data(await billing.update("invoices", version="1.1.0", capabilities=["pdf", "xml"]))
        assert updated == first | {"version": "1.1.0", "updated_at": "2027-01-15T08:00:10+00:00"}
        entry = await found(client, "invoices")
        assert msgspec.json.decode(entry.document)["capabilities"] == ["pdf", "xml"]
        assert entry.registration.address is None
        clock.advance(10)
        data(await billing.heartbeat("invoices", version="1.2.0"))
        data(await billing.heartbeat("invoices", version="1.2.0"))
        data(await billing.heartbeat("invoices"))
        versions = await core_of(client).registry.versions("scaicontrol", "invoices")
        assert [(v.version, v.since - clock.time) for v in versions] == [
            ("1.0.0", -20.0),
            ("1.1.0", -10.0),
            ("1.2.0", 0.0),
        ]


async def test_a_heartbeat_is_answered_in_full(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        await billing.register("invoices", heartbeat_interval_seconds=7)
        clock.advance(5)
        answer = await billing.heartbeat(
            "invoices",
            status="healthy",
            version="1.0.0",
            uptime_seconds=5.5,
            timestamp="1999-01-01T00:00:00Z",
            metrics={"requests": 3},
            checks=[{"name": "db", "ok": True}],
            active_connections=0,
            metadata={},
            novelty=1,
        )
        assert data(answer) == {
            "ok": True,
            "slug": "invoices",
            "status": "pending",
            "health_status": "healthy",
            "last_heartbeat_at": "2027-01-15T08:00:05+00:00",
            "next_heartbeat_in_seconds": 7,
        }
        assert (await found(client, "invoices")).registration.lease.expires_at == clock.time + 21


async def test_a_service_says_how_it_feels(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        await billing.register("invoices")
        for status in ("degraded", "unhealthy", "healthy", "degraded"):
            assert data(await billing.heartbeat("invoices", status=status))["health_status"] == status
            assert (await found(client, "invoices")).registration.reported == status
        assert data(await billing.heartbeat("invoices"))["health_status"] == "healthy"


async def test_a_deregistered_service_is_gone_and_may_come_anew(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        billing, other = await service(client), await service(client, "other")
        first = data(await billing.register("invoices"), 201)
        answer = await billing.deregister("invoices", reason="moved to ledger")
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers["x-request-id"].startswith("req_")
        event = (await events(client, "invoices"))[-1]
        assert (event.kind, event.reason) == (EventKind.DEREGISTERED, "moved to ledger")
        refused(await billing.heartbeat("invoices"), 404, "not_found")
        refused(await billing.update("invoices"), 404, "not_found")
        refused(await billing.deregister("invoices"), 404, "not_found")
        clock.advance(1)
        anew = data(await other.register("invoices"), 201)
        assert anew["id"] != first["id"]
        assert anew["status"] == "pending"


async def test_a_subscription_holds_a_service(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        billing = await service(client)
        await billing.register("invoices")
        subscription = await registry.subscribe("scaicontrol", "invoices", "acme", ADMINISTRATOR)
        before = await found(client, "invoices")
        assert "subscription" in refused(await billing.deregister("invoices"), 409, "conflict")
        assert await found(client, "invoices") == before
        await registry.unsubscribe(subscription.id, ADMINISTRATOR)
        assert (await billing.deregister("invoices")).status_code == 204


async def test_another_accounts_registration_cannot_be_changed(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url) as client:
        billing, stranger = await service(client), await service(client, "stranger", ["super_admin"])
        await billing.register("invoices")
        before = (await found(client, "invoices"), await events(client))
        for answer in (
            await stranger.register("invoices", version="6.6.6"),
            await stranger.update("invoices", version="6.6.6"),
            await stranger.heartbeat("invoices", version="6.6.6", status="unhealthy"),
            await stranger.deregister("invoices"),
        ):
            assert "invoices" in refused(answer, 403, "forbidden")
        assert (await found(client, "invoices"), await events(client)) == before


@pytest.mark.parametrize("slug", ["nobody", "a", "a-", "a" * 64])
async def test_what_is_not_registered_is_a_404(start_gateway: GatewayFactory, sqlite_url: str, slug: str) -> None:
    async with start_gateway(sqlite_url) as client:
        billing = await service(client)
        for answer in (await billing.update(slug), await billing.heartbeat(slug), await billing.deregister(slug)):
            assert refused(answer, 404, "not_found") == f"Service {slug} is not registered"


async def test_a_slash_at_the_end_is_no_other_path(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        billing = await service(client)
        registration = b'{"slug": "invoices", "name": "Invoices", "version": "1"}'
        assert (await billing.send("POST", f"{REGISTER}/", registration)).status_code == 201
        assert (await billing.send("POST", f"{HEARTBEAT}/", b'{"slug": "invoices"}')).status_code == 200
