"""What the runspec dialect refuses, and that a refusal changes nothing: keys, bad input, an absent database."""

import json

import pytest

from registry_gateway.settings import SettingsError
from tests.conftest import GatewayFactory, ManualClock, core_of
from tests.integration.runspec_agent import AGENT, KEY, ROTATE, WITH_KEY, beat, ids, post_tools, register

pytestmark = pytest.mark.anyio


# --- keys

MISSING = "Invalid or missing API key: no X-API-Key came; agents and clients take it as --registry-key"
WRONG = "Invalid or missing API key: the X-API-Key (--registry-key) is not one of the registry's"

WRITES = [
    ("POST", "/instances"),
    ("POST", "/instances/a1/heartbeat"),
    ("POST", "/instances/a1/tools"),
    ("DELETE", "/instances/a1"),
]
READS = [
    "/instances",
    "/instances/a1",
    "/tools",
    "/tools/rotate",
    "/hosts",
    "/export/superputty",
    "/export/mobaxterm",
]


@pytest.mark.parametrize("key", [None, "", "wrong", KEY + "x", "schlüssel"])
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_write_without_the_key_is_refused_before_anything_else(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str, key: str | None
) -> None:
    headers = {} if key is None else {b"X-API-Key": key.encode("latin-1")}
    async with start_gateway(sqlite_url, WITH_KEY) as client:
        answer = await client.request(method, path, content="{ not json", headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"detail": MISSING if key is None else WRONG})
        assert await ids(client, "/instances?active=false") == []


async def test_with_the_key_everything_works_and_reads_are_open(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, WITH_KEY) as client:
        client.headers["X-API-Key"] = KEY
        await register(client)
        await post_tools(client, "a1", ROTATE)
        assert await beat(client) == "ack"
        del client.headers["X-API-Key"]
        for path in READS:
            assert (await client.get(path)).status_code == 200
        assert (await client.delete("/instances/a1", headers={"x-api-key": KEY})).status_code == 200
        assert {event.actor for event in await core_of(client).registry.events()} == {"key:runspec:1"}


@pytest.mark.parametrize("path", READS)
async def test_reads_can_be_protected(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    settings = {**WITH_KEY, "REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"}
    async with start_gateway(sqlite_url, settings) as client:
        client.headers["X-API-Key"] = KEY
        await register(client)
        await post_tools(client, "a1", ROTATE)
        assert (await client.get(path)).status_code == 200
        client.headers["X-API-Key"] = "wrong"
        answer = await client.get(f"{path}?active=maybe")
        assert (answer.status_code, answer.json()) == (403, {"detail": WRONG})
        del client.headers["X-API-Key"]
        assert (await client.get(path)).status_code == 403
        assert (await client.get("/health")).status_code == 200


async def test_a_key_that_is_not_required_is_logged_once(
    start_gateway: GatewayFactory, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        assert "but the gateway requires none" not in caplog.text
        client.headers["X-API-Key"] = KEY
        await register(client)
        await register(client)
    assert caplog.text.count("but the gateway requires none: set REGISTRY_GATEWAY_RUNSPEC_API_KEY") == 1
    assert KEY not in caplog.text


async def test_protecting_reads_without_a_key_stops_the_start(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match="PROTECT_READS needs REGISTRY_GATEWAY_RUNSPEC_API_KEY"):
        async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"}):
            pass


# --- bad input

REGISTER, TOOLS, HEARTBEAT = "/instances", "/instances/a1/tools", "/instances/a1/heartbeat"


def agent(**members: object) -> bytes:
    """A registration that differs from `AGENT` in `members`."""
    return json.dumps({**AGENT, "instance_id": "new", **members}).encode()


def tool_list(**members: object) -> bytes:
    """A list of one tool that differs from `ROTATE` in `members`."""
    return json.dumps({"tools": [{**ROTATE, **members}]}).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000

BAD = [
    (REGISTER, b"", "missing", ["body"]),
    (REGISTER, b"{", "json_invalid", ["body", 1]),
    (REGISTER, b"{'a': 1}", "json_invalid", ["body", 1]),
    (REGISTER, b"[1]", "dict_type", ["body"]),
    (REGISTER, b"null", "dict_type", ["body"]),
    (REGISTER, b'"text"', "dict_type", ["body"]),
    (REGISTER, b"{}", "missing", ["body", "instance_id"]),
    (REGISTER, agent(instance_id=1), "string_type", ["body", "instance_id"]),
    (REGISTER, agent(instance_id=None), "string_type", ["body", "instance_id"]),
    (REGISTER, agent(instance_id=""), "string_too_short", ["body", "instance_id"]),
    (REGISTER, agent(instance_id="x" * 513), "string_too_long", ["body", "instance_id"]),
    (REGISTER, agent(instance_id="x\x00y"), "string_pattern_mismatch", ["body", "instance_id"]),
    (REGISTER, agent(instance_id="x/"), "string_pattern_mismatch", ["body", "instance_id"]),
    (REGISTER, agent(name=["n"]), "string_type", ["body", "name"]),
    (REGISTER, agent(name="n\x00"), "string_pattern_mismatch", ["body", "name"]),
    (REGISTER, agent(version=1.5), "string_type", ["body", "version"]),
    (REGISTER, agent(host={}), "string_type", ["body", "host"]),
    (REGISTER, agent(host=None), "string_type", ["body", "host"]),
    (REGISTER, agent(host="\ud800"), "json_invalid", ["body"]),
    (REGISTER, agent(label="\udc00 lone, in a member nobody knows"), "json_invalid", ["body"]),
    (REGISTER, b'{"instance_id":"new","name":"\xff","version":"1","host":"h"}', "json_invalid", ["body"]),
    (REGISTER, b'{"instance_id":"new","name":"n","version":"1","host":"h","x":"\xff"}', "json_invalid", ["body"]),
    (REGISTER, b'{"instance_id":"new","name":"n","version":"1"}', "missing", ["body", "host"]),
    (REGISTER, b'{"instance_id":' + DEEP + b"}", "string_type", ["body", "instance_id"]),
    (REGISTER, b'{"x":' + DEEP + b"}", "json_invalid", ["body"]),
    (TOOLS, b"", "missing", ["body"]),
    (TOOLS, b"[]", "dict_type", ["body"]),
    (TOOLS, b"{}", "missing", ["body", "tools"]),
    (TOOLS, b'{"tools": null}', "list_type", ["body", "tools"]),
    (TOOLS, b'{"tools": {}}', "list_type", ["body", "tools"]),
    (TOOLS, b'{"tools": [3]}', "dict_type", ["body", "tools", 0]),
    (TOOLS, b'{"tools": [{"name": "a"}, null]}', "dict_type", ["body", "tools", 1]),
    (TOOLS, b'{"tools": [{"description": "d"}]}', "missing", ["body", "tools", 0, "name"]),
    (TOOLS, b'{"tools":[' + b'{"name":"a"},' * 20_000 + b'{"name":"a"}]}', "too_long", ["body", "tools"]),
    (TOOLS, tool_list(name=7), "string_type", ["body", "tools", 0, "name"]),
    (TOOLS, tool_list(name="a\x00b"), "string_pattern_mismatch", ["body", "tools", 0, "name"]),
    (TOOLS, tool_list(name="\ud800"), "json_invalid", ["body"]),
    (TOOLS, tool_list(description=7), "string_type", ["body", "tools", 0, "description"]),
    (TOOLS, tool_list(inputSchema=[]), "dict_type", ["body", "tools", 0, "inputSchema"]),
    (TOOLS, tool_list(inputSchema=None), "dict_type", ["body", "tools", 0, "inputSchema"]),
    (TOOLS, b'{"tools":[{"name":"a","x-command":"\xff"}]}', "json_invalid", ["body"]),
    (TOOLS, b'{"tools":' + DEEP + b"}", "dict_type", ["body", "tools", 0]),
    (TOOLS, b'{"tools":[{"name":"a","x-deep":' + DEEP + b"}]}", "json_invalid", ["body"]),
    (HEARTBEAT, b"{", "json_invalid", ["body", 1]),
    (HEARTBEAT, b"[]", "dict_type", ["body"]),
    (HEARTBEAT, b"null", "dict_type", ["body"]),
    (HEARTBEAT, b'{"system": 3}', "dict_type", ["body", "system"]),
    (HEARTBEAT, b'{"system": "\xff"}', "json_invalid", ["body"]),
    (HEARTBEAT, b'{"system": ' + DEEP + b"}", "dict_type", ["body", "system"]),
    (HEARTBEAT, b'{"system": {"deep": ' + DEEP + b"}}", "json_invalid", ["body"]),
]


@pytest.mark.parametrize(("path", "body", "kind", "loc"), BAD)
async def test_bad_input_is_a_422_and_changes_nothing(
    start_gateway: GatewayFactory,
    sqlite_url: str,
    clock: ManualClock,
    path: str,
    body: bytes,
    kind: str,
    loc: list[str | int],
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        await post_tools(client, "a1", ROTATE)
        before = (await client.get("/instances?active=false")).content
        clock.advance(1)
        answer = await client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        [detail] = answer.json()["detail"]
        assert (detail["type"], detail["loc"]) == (kind, loc)
        assert detail["msg"]
        assert (await client.get("/instances?active=false")).content == before


@pytest.mark.parametrize("path", [REGISTER, TOOLS, HEARTBEAT])
async def test_an_oversized_body_is_a_413(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_MAX_BODY_BYTES": "2048"}) as client:
        answer = await client.post(path, content=b"{" + b" " * 2048 + b"}")
        assert (answer.status_code, answer.json()) == (413, {"detail": "The body is larger than 2048 bytes"})
        assert await ids(client, "/instances?active=false") == []


async def test_a_database_without_tables_is_a_503_that_trying_again_does_not_mend(
    start_gateway: GatewayFactory, tmp_path: object
) -> None:
    async with start_gateway(f"sqlite:///{tmp_path}/empty.db") as client:
        for answer in (await client.post("/instances", json=AGENT), await client.get("/tools")):
            assert answer.status_code == 503
            assert "retry-after" not in answer.headers
            assert list(answer.json()) == ["detail"]


async def test_head_is_answered_like_get(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        assert (await client.head("/instances")).status_code == 200
        assert (await client.head("/tools/none")).status_code == 404


async def test_the_dialect_can_be_switched_off(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_DIALECTS": "chap"}) as client:
        assert (await client.post("/instances", json=AGENT)).status_code == 404
        assert (await client.get("/health")).status_code == 200
