"""One service in the catalogue: what there is, its events, and what is left of one that is gone."""

from urllib.parse import quote

import pytest

from registry_gateway.core.commands import Register
from registry_gateway.core.model import Actor
from tests.conftest import START, GatewayFactory, ManualClock, core_of
from tests.integration import chap_service, runspec_agent
from tests.integration.catalogue_reader import SERVICES, problem, shown
from tests.integration.scaicontrol_account import service

pytestmark = pytest.mark.anyio


async def test_all_there_is_on_a_service(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        await billing.register("scaiflow", base_url="https://flow", capabilities=["flows"], extra=[1, {"a": None}])
        clock.advance(10)
        await billing.heartbeat("scaiflow", version="1.1.0", status="degraded")
        await core_of(client).registry.subscribe("scaicontrol", "scaiflow", "portal", Actor("admin"))
        found = await shown(client, "scaicontrol", "scaiflow")
        subscription = found.pop("subscriptions")[0]
        assert (subscription["subscriber"], subscription["state"]) == ("portal", "active")
        assert found == {
            "dialect": "scaicontrol",
            "key": "scaiflow",
            "name": "Scaiflow",
            "version": "1.1.0",
            "address": "https://flow",
            "status": "degraded",
            "health": "healthy",
            "reported": "degraded",
            "owner": "account:billing",
            "registered_at": START,
            "updated_at": START + 10,
            "approved_at": START,
            "lease": {
                "alive": True,
                "ttl": 90,
                "granted_at": START,
                "heartbeat_at": START + 10,
                "last_seen": START + 10,
                "expires_at": START + 100,
            },
            "ended": None,
            "tools": ["flows"],
            "versions": [{"version": "1.0.0", "since": START}, {"version": "1.1.0", "since": START + 10}],
            "document": {
                "slug": "scaiflow",
                "name": "Scaiflow",
                "version": "1.0.0",
                "base_url": "https://flow",
                "capabilities": ["flows"],
                "extra": [1, {"a": None}],
            },
            "tools_document": None,
            "findings": [],
            "notes": {},
        }


async def test_what_is_wrong_with_it_is_said(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        local = {**chap_service.payload(), "url": "http://localhost:8000"}
        for _ in range(4):
            await client.post(chap_service.REGISTER, json=local)
            clock.advance(60)
        gone = await shown(client, "chap", "my-model")
        assert (gone["status"], [f["code"] for f in gone["findings"]]) == (
            "down",
            ["no_heartbeats", "loopback_address"],
        )
        await client.post(chap_service.REGISTER, json=local)
        no_heartbeats, loopback = (await shown(client, "chap", "my-model"))["findings"]
        assert no_heartbeats["severity"] == "error"
        assert loopback == {
            "code": "loopback_address",
            "severity": "warning",
            "summary": "Its address is localhost: clients on other machines would connect to themselves",
            "advice": loopback["advice"],
        }
        clock.advance(3_600)
        assert (await shown(client, "chap", "my-model"))["findings"] == [loopback]


@pytest.mark.parametrize("key", ["a/b c", "ünï/", "a\nb", "%2F", "a?b#c"])
async def test_a_key_may_be_any_text(start_gateway: GatewayFactory, database_url: str, key: str) -> None:
    async with start_gateway(database_url) as client:
        actor = Actor("anonymous")
        command = Register(
            dialect="runspec", key=key, name="n", version="1", ttl=90, document=b"{}", mode="replace", actor=actor
        )
        await core_of(client).registry.register(command)
        path = f"{SERVICES}/runspec/{quote(key, safe='')}"
        if not key.endswith("/"):  # `/path/` is `/path`
            assert (await client.get(path)).json()["key"] == key
        assert [e["key"] for e in (await client.get(f"{path}/events")).json()["events"]] == [key]


async def test_documents_that_are_no_json_are_text(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        for stored, expected in {
            b'{"a":\n1}': {"a": 1},
            b'name "x"\n': 'name "x"\n',
            b"\xff\x00": "\ufffd\x00",
            b"": "",
            b'{"a":1': '{"a":1',
            b"[" * 5000: "[" * 5000,
        }.items():
            command = Register(
                dialect="chap",
                key="text",
                name="n",
                version="1",
                ttl=30,
                document=stored,
                mode="replace",
                actor=Actor("test"),
            )
            await core_of(client).registry.register(command)
            assert (await shown(client, "chap", "text"))["document"] == expected


async def test_an_address_that_cannot_be_one_is_accepted_and_said(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    """As chap-core accepts it."""
    async with start_gateway(sqlite_url) as client:
        answer = await client.post(chap_service.REGISTER, json={**chap_service.payload(), "url": "not a url"})
        assert (answer.status_code, answer.json()["service_url"]) == (200, "not a url")
        assert (await client.get("/v2/services/my-model")).json()["url"] == "not a url"
        [finding] = (await shown(client, "chap", "my-model"))["findings"]
        assert (finding["code"], finding["severity"]) == ("address_without_host", "error")
        assert finding["summary"] == "Its address is 'not a url', which has no host"


async def test_one_that_is_gone_is_shown_as_it_was(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url, chap_service.REFUSE_LATE) as client:
        await chap_service.register(client, version="1.0.0")
        await chap_service.register(client, version="1.2.0", display_name="Better model")
        clock.advance(31)
        unswept = await shown(client, "chap", "my-model")
        assert unswept["status"] == "gone"
        assert unswept["ended"] == {
            "at": START + 31,
            "kind": "expired",
            "actor": "gateway",
            "reason": "no heartbeat for 31.0 s (lease: 30 s)",
        }
        await core_of(client).registry.expire()
        swept = await shown(client, "chap", "my-model")
        assert swept["ended"] == unswept["ended"]
        left = {"name": "Better model", "version": "1.2.0", "address": chap_service.URL, "status": "gone"}
        assert {name: swept[name] for name in left} == left
        assert swept == {**unswept, "approved_at": None, "health": "gone"}
        assert (swept["lease"]["alive"], swept["document"]["info"]["display_name"]) == (False, "Better model")
        assert [version["version"] for version in swept["versions"]] == ["1.0.0", "1.2.0"]
        await chap_service.register(client)
        assert (await shown(client, "chap", "my-model"))["status"] == "up"


async def test_why_a_service_went(start_gateway: GatewayFactory, database_url: str, clock: ManualClock) -> None:
    async with start_gateway(database_url, {"REGISTRY_GATEWAY_RETENTION_DAYS": "1"}) as client:
        billing = await service(client)
        await billing.register("scaiflow")
        await billing.deregister("scaiflow", reason="moved house")
        gone = await shown(client, "scaicontrol", "scaiflow")
        assert (gone["status"], gone["ended"]["kind"], gone["ended"]["reason"], gone["ended"]["actor"]) == (
            "gone",
            "deregistered",
            "moved house",
            "account:billing",
        )
        await runspec_agent.register(client)
        await client.delete("/instances/a1")
        kept = await shown(client, "runspec", "a1")
        assert (kept["status"], kept["ended"]["kind"], kept["document"]["name"]) == ("gone", "deregistered", "portal")
        clock.advance(86_400)
        await core_of(client).registry.purge()
        purged = await shown(client, "runspec", "a1")
        assert (purged["status"], purged["ended"], purged["name"]) == ("gone", kept["ended"], "portal")


async def test_the_events_of_a_service_in_pages(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        for version in "12345":
            await runspec_agent.register(client, version=version)
            await runspec_agent.register(client, "other", version=version)
            clock.advance(1)
        path = f"{SERVICES}/runspec/a1/events"
        newest = (await client.get(path)).json()
        assert newest["next"] is None
        ids = [e["id"] for e in newest["events"]]
        assert ids == sorted(ids, reverse=True)
        assert {e["key"] for e in newest["events"]} == {"a1"}
        assert newest["events"][0]["kind"] == "version_changed"
        assert newest["events"][0]["detail"] == {"old": "4", "new": "5"}
        for order, expected in (("oldest", ids[::-1]), ("newest", ids)):
            found: list[int] = []
            query = {"order": order, "limit": "2"}
            while True:
                page = (await client.get(path, params=query)).json()
                found += [e["id"] for e in page["events"]]
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
                if order == "newest":
                    await runspec_agent.register(client)  # new events don't move the pages
            assert found == expected, order


async def test_what_never_was_is_not_found(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await runspec_agent.register(client)
        for path in ("chap/a1", "runspec/a2", "nothing/a1", "runspec/a2/events", "runspec/" + "x" * 5000):
            problem(await client.get(f"{SERVICES}/{path}"), 404)
