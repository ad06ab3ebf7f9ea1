"""What the catalogue refuses, and to whom: problem details throughout, and never a 500."""

import base64

import msgspec
import pytest

from tests.conftest import GatewayFactory, core_of
from tests.integration import runspec_agent
from tests.integration.catalogue_reader import SERVICES, listed, problem

pytestmark = pytest.mark.anyio

PROTECTED = {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}
PATHS = [SERVICES, f"{SERVICES}/runspec/a1", f"{SERVICES}/runspec/a1/events", "/catalog/v1/stats"]


def forged(*place: object) -> str:
    """A cursor nobody handed out."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


REFUSED = [
    ("nmae=x", "nmae"),
    ("limit=0", "limit"),
    ("limit=1001", "limit"),
    ("limit=ten", "limit"),
    ("limit=", "limit"),
    ("limit=" + "9" * 5000, "limit"),
    ("limit=1&limit=2", "limit"),
    ("status=UP", "status"),
    ("status=up,", "status"),
    ("dialect=", "dialect"),
    ("name=", "name"),
    ("name=%00", "name"),
    ("name=%FF", "name"),
    ("name=%ED%A0%80", "name"),
    ("name=" + "x" * 1025, "name"),
    ("q=a%00b", "q"),
    ("q=" + "x" * 1025, "q"),
    ("sort=nam", "sort"),
    ("sort=--name", "sort"),
    ("fields=key,password", "fields"),
    ("fields=", "fields"),
    ("at=yesterday", "at"),
    ("at=2026-11-21T10:00:00", "at"),
    ("at=nan", "at"),
    ("at=1e400", "at"),
    ("at=null", "at"),
    ("at=9999-12-31T23:59:59Z", "at"),
    ("%FF=1", "the name of a parameter"),
    ("=1", ""),
    ("cursor=", "cursor"),
    ("cursor=%21", "cursor"),
    ("cursor=%C3%A9", "cursor"),
    ("cursor=" + "A" * 9, "cursor"),
    ("cursor=" + forged("name", "n", "runspec", "a1"), "cursor"),
    ("cursor=" + forged("-key", "runspec", "a1"), "cursor"),
    ("cursor=" + forged("key", "runspec"), "cursor"),
    ("cursor=" + forged("key", 1, "a1"), "cursor"),
    ("cursor=" + forged("key", "runspec", "a\x00"), "cursor"),
    ("cursor=" + forged("at:key", "runspec", "a1"), "cursor"),
    ("sort=status&cursor=" + forged("status", 10**30, "runspec", "a1"), "cursor"),
    ("sort=last_seen&cursor=" + base64.urlsafe_b64encode(b'["last_seen",1e999,"r","a"]').decode(), "cursor"),
    ("cursor=" + base64.urlsafe_b64encode(b"[" * 9000).decode(), "cursor"),
]


async def test_a_parameter_that_makes_no_sense_is_named(
    start_gateway: GatewayFactory, database_url: str, subtests: pytest.Subtests
) -> None:
    async with start_gateway(database_url) as client:
        for query, parameter in REFUSED:
            with subtests.test(query[:30]):
                refused = problem(await client.get(f"{SERVICES}?{query}"), 400)
                assert refused["parameter"] == parameter


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        (SERVICES, "status=UP", "pending, up, degraded, down, gone"),
        (SERVICES, "sort=nam", "key, -key, name, -name, status, -status, urgency, "),
        (SERVICES, "fields=key,password", "dialect, key, name, version, "),
        (f"{SERVICES}/runspec/a1/events", "order=random", "newest, oldest"),
    ],
)
async def test_where_only_some_words_are_known_they_are_named(
    start_gateway: GatewayFactory, sqlite_url: str, path: str, query: str, words: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        refused = problem(await client.get(f"{path}?{query}"), 400)
        assert refused["detail"].startswith(f"Invalid enum value; there are: {words}")


async def test_an_instant_before_all_calendars_is_before_the_log(
    start_gateway: GatewayFactory, sqlite_url: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        problem(await client.get(f"{SERVICES}?at=0001-01-01T00:00:00%2B14:00"), 410)
        problem(await client.get(f"{SERVICES}?at=-1e9"), 410)


@pytest.mark.parametrize(
    "query", ["x=1", "order=random", "cursor=" + forged("newest", -1), "cursor=" + forged("newest", 2**63), "limit=-1"]
)
async def test_events_and_services_refuse_as_lists_do(
    start_gateway: GatewayFactory, database_url: str, query: str
) -> None:
    async with start_gateway(database_url) as client:
        await runspec_agent.register(client)
        problem(await client.get(f"{SERVICES}/runspec/a1/events?{query}"), 400)
        problem(await client.get(f"{SERVICES}/runspec/a1?{query}"), 400)
        problem(await client.get(f"/catalog/v1/stats?{query}"), 400)


async def test_odd_values_find_nothing_and_break_nothing(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await runspec_agent.register(client)
        for odd in ("'; --", "\\", "\\%", "€" * 1024, "\u202e", "a\nb", "null"):
            for name in ("dialect", "name", "version", "host", "tool", "q"):
                assert (await listed(client, **{name: odd.replace(",", "")}))["total"] == 0, (name, odd)
        far = forged("last_seen", 1e300, "x", "y")
        assert (await listed(client, sort="last_seen", cursor=far))["services"] == []


async def test_what_is_not_there_and_not_allowed(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for path in ("/catalog", "/catalog/v1", "/catalog/v2/services", f"{SERVICES}/runspec", "/catalog/v1/\x00"):
            problem(await client.get(path.replace("\x00", "%00")), 404)
        refused = await client.post(SERVICES, json={})
        problem(refused, 405)
        assert refused.headers["allow"] == "GET, HEAD"
        assert (await client.head(SERVICES)).status_code == 200


async def test_a_database_out_of_reach_is_said_so(start_gateway: GatewayFactory) -> None:
    async with start_gateway("postgresql://postgres@127.0.0.1:1/nowhere") as client:
        for path in PATHS:
            refused = await client.get(path)
            problem(refused, 503)
            assert refused.headers["retry-after"] == "1"


async def test_reading_is_open_unless_it_is_protected(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url, PROTECTED) as client:
        await runspec_agent.register(client)
        accounts = core_of(client).accounts
        tokens = {}
        for name, scope in (("reader", "read:catalog"), ("admin", "admin:registry"), ("other", "registry:manage")):
            issued = await accounts.create(name, [scope], [])
            tokens[name] = issued.token
        for path in PATHS:
            for header in (None, "Bearer", "Bearer rgw_x_y", f"Basic {tokens['reader']}", "Bearer ü"):
                headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
                refused = await client.get(path, headers=headers)
                problem(refused, 401)
                assert refused.headers["www-authenticate"] == "Bearer"
            problem(await client.get(path, headers={"Authorization": f"Bearer {tokens['other']}"}), 403)
            for name in ("reader", "admin"):
                assert (await client.get(path, headers={"Authorization": f"bearer {tokens[name]}"})).status_code == 200
    async with start_gateway(database_url) as client:
        assert (await listed(client))["total"] == 1


async def test_the_openapi_document_names_every_parameter(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, PROTECTED) as client:
        document = (await client.get("/openapi.json")).json()
        operation = document["paths"][SERVICES]["get"]
        named = {p["name"]: p["schema"] for p in operation["parameters"] if p["in"] == "query"}
        assert named["limit"].items() >= {"type": "integer", "minimum": 1, "maximum": 1000}.items()
        assert {"status", "q", "at", "cursor", "fields"} <= set(named)
        assert operation["security"]
        assert set(document["paths"][f"{SERVICES}/{{dialect}}/{{key}}"]["get"]["responses"]) >= {"200", "304", "404"}
