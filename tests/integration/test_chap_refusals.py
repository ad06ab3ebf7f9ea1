"""What the CHAP dialect refuses, and that a refusal changes nothing: keys, bad input, an absent database."""

import json
import sys

import pytest

from tests.conftest import GatewayFactory, ManualClock, core_of
from tests.integration.chap_service import (
    KEY,
    PLAIN,
    REGISTER,
    URL,
    WITH_KEY,
    payload,
    ping,
    register,
)

pytestmark = pytest.mark.anyio


# --- keys

WRITES = [("POST", REGISTER), ("PUT", "/v2/services/my-model/$ping"), ("DELETE", "/v2/services/my-model")]


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_missing_key_is_a_422_before_anything_else(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str
) -> None:
    async with start_gateway(sqlite_url, WITH_KEY) as client:
        answer = await client.request(method, path, content="{ not json")
        words = (
            "Field required: the registry asks for a key; set SERVICEKIT_REGISTRATION_KEY in the service, which sends "
            "it as X-Service-Key"
        )
        detail = {"type": "missing", "loc": ["header", "X-Service-Key"], "msg": words}
        assert (answer.status_code, answer.json()) == (422, {"detail": [detail]})


@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_missing_key_is_a_401_by_setting(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str
) -> None:
    settings = {**WITH_KEY, "REGISTRY_GATEWAY_CHAP_MISSING_KEY_STATUS": "401"}
    async with start_gateway(sqlite_url, settings) as client:
        answer = await client.request(method, path, content="{ not json")
        assert answer.status_code == 401
        assert answer.json()["detail"].startswith("Missing X-Service-Key header: the registry asks for a key; set ")


@pytest.mark.parametrize("key", ["", "wrong", KEY + "x", "schlüssel"])
@pytest.mark.parametrize(("method", "path"), WRITES)
async def test_a_wrong_key_is_a_401_before_anything_else(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str, key: str
) -> None:
    async with start_gateway(sqlite_url, WITH_KEY) as client:
        headers = {b"X-Service-Key": key.encode("latin-1")}
        answer = await client.request(method, path, content="{ not json", headers=headers)
        words = "Invalid service key: the service's SERVICEKIT_REGISTRATION_KEY is not one of the registry's"
        assert (answer.status_code, answer.json()) == (401, {"detail": words})
        assert (await client.get("/v2/services")).json()["count"] == 0


async def test_with_the_key_everything_works_and_reads_are_open(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, WITH_KEY) as client:
        client.headers["X-Service-Key"] = KEY
        await register(client)
        assert (await ping(client)).status_code == 200
        del client.headers["X-Service-Key"]
        assert (await client.get("/v2/services")).json()["count"] == 1
        assert (await client.get("/v2/services/my-model")).status_code == 200
        assert (await client.delete("/v2/services/my-model", headers={"x-service-key": KEY})).status_code == 204
        assert {event.actor for event in await core_of(client).registry.events()} == {"key:chap:1"}


async def test_without_a_configured_key_any_is_welcome_and_the_log_says_so_once(
    start_gateway: GatewayFactory, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        assert "but the gateway requires none" not in caplog.text
        client.headers["X-Service-Key"] = "whatever"
        await register(client)
        await register(client)
        assert (await ping(client)).status_code == 200
    [told] = [r.getMessage() for r in caplog.records if r.name == "registry_gateway.keys"]
    assert (
        told == "a client sent a key as x-service-key, but the gateway requires none: set SERVICEKIT_REGISTRATION_KEY"
    )
    assert "whatever" not in caplog.text


# --- paths and methods


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/v2/services", "GET, HEAD, POST"),
        ("GET", REGISTER, "POST"),
        ("POST", "/v2/services/my-model", "DELETE, GET, HEAD"),
        ("POST", "/v2/services/my-model/$ping", "PUT"),
        ("GET", "/v2/services/my-model/$ping", "PUT"),
    ],
)
async def test_a_wrong_method(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str, allow: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.request(method, path)
        assert answer.status_code == 405
        assert answer.json()["detail"].startswith("Method Not Allowed: ")
        assert answer.headers["allow"] == allow


ONE_DOLLAR = "Write one $: $$ is for compose files alone, and a shell needs the URL in single quotes"
REGISTERS = f"services register with POST {REGISTER}"
PINGS = "a ping is PUT /v2/services/{id}/$ping"


@pytest.mark.parametrize(
    ("method", "path", "detail"),
    [
        ("POST", "/v2/services/$$register", f"Method Not Allowed: {REGISTERS}. {ONE_DOLLAR}"),
        ("POST", "/v2/services/%24%24register", f"Method Not Allowed: {REGISTERS}. {ONE_DOLLAR}"),
        ("POST", "/v2/services/\\$register", f"Method Not Allowed: {REGISTERS}. {ONE_DOLLAR}"),
        ("POST", "/v2/services/register", f"Method Not Allowed: {REGISTERS}. {ONE_DOLLAR}"),
        ("POST", "/v2/$register", f"Not Found: {REGISTERS}. {ONE_DOLLAR}"),
        ("GET", REGISTER, f"Method Not Allowed: to register, send a POST with a JSON body to {REGISTER}"),
        ("POST", "/v2/services/my-model", f"Method Not Allowed: {REGISTERS}, with their id in the body, as info.id"),
        ("PUT", "/v2/services/my-model/$$ping", f"Not Found: {PINGS}. {ONE_DOLLAR}"),
        ("PUT", "/v2/services/my-model/ping", f"Not Found: {PINGS}. {ONE_DOLLAR}"),
        ("POST", "/v2/services/my-model/$ping", f"Method Not Allowed: {PINGS}"),
        (
            "PUT",
            "/v2/services/my-model/",
            f"Method Not Allowed: {PINGS}. A shell or a compose file may have taken $ping for a variable",
        ),
        ("PATCH", "/v2/services/my-model", "Method Not Allowed"),
    ],
)
async def test_a_damaged_path_is_answered_with_advice(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str, detail: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.request(method, path, json=payload())
        assert answer.status_code in (404, 405)
        assert answer.json() == {"detail": detail}
        assert (await client.get("/v2/services")).json()["count"] == 0


@pytest.mark.parametrize("path", ["/v2", "/v2/models", "/v2/services/a/b", "/v2/services/a%00"])
async def test_an_unknown_path(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


@pytest.mark.parametrize("key", ["Größe%20x", "..%2F", "a%0A", "x" * 3000])
async def test_an_id_nobody_can_have(start_gateway: GatewayFactory, database_url: str, key: str) -> None:
    async with start_gateway(database_url) as client:
        await register(client, id="a")
        for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/$ping")):
            answer = await client.request(method, f"/v2/services/{key}{path}")
            assert answer.status_code == 404
            assert list(answer.json()) == ["detail"]
        assert (await client.get("/v2/services")).json()["count"] == 1


# --- bad input

DEEP = b"[" * 100_000 + b"]" * 100_000
INFO = ["body", "info"]


def info(**members: object) -> bytes:
    """A registration whose `info` differs from `PLAIN` in `members`."""
    return json.dumps(payload(**members)).encode()


def raw(member: bytes) -> bytes:
    """A registration whose `info` has one more member, as written."""
    return b'{"url":"http://x","info":{"id":"new","display_name":"d",' + member + b"}}"


BAD = [
    (b"", "missing", ["body"]),
    (b"{", "json_invalid", ["body", 1]),
    (
        b'{"url": "\xc3\xa9", }',
        "json_invalid",
        ["body", 11 if sys.version_info >= (3, 13) else 13],
    ),  # its comma, or what follows
    (b"[]", "dict_type", ["body"]),
    (b"null", "dict_type", ["body"]),
    (b"{}", "missing", ["body", "url"]),
    (b'{"url": "http://x"}', "missing", INFO),
    (b'{"url": "http://x", "info": []}', "dict_type", INFO),
    (json.dumps({"url": 7, "info": PLAIN}).encode(), "string_type", ["body", "url"]),
    (json.dumps({"url": "", "info": PLAIN}).encode(), "string_too_short", ["body", "url"]),
    (json.dumps({"url": "http://x\x00", "info": PLAIN}).encode(), "string_pattern_mismatch", ["body", "url"]),
    (json.dumps({"url": URL, "info": {"display_name": "d"}}).encode(), "missing", [*INFO, "id"]),
    (json.dumps({"url": URL, "info": {"id": "new"}}).encode(), "missing", [*INFO, "display_name"]),
    (info(id=1), "string_type", [*INFO, "id"]),
    (info(id="x" * 256), "string_too_long", [*INFO, "id"]),
    *((info(id=slug), "string_pattern_mismatch", [*INFO, "id"]) for slug in ("", "New", "1a", "-a", "a_b", "a b")),
    *((info(id=slug), "string_pattern_mismatch", [*INFO, "id"]) for slug in ("a/b", "$register", "a\n", "é", "a\x00")),
    (info(display_name=None), "string_type", [*INFO, "display_name"]),
    (info(display_name="d\x00"), "string_pattern_mismatch", [*INFO, "display_name"]),
    (info(display_name="\ud800"), "json_invalid", ["body"]),
    (info(later="\ud800 in a member nobody knows"), "json_invalid", ["body"]),
    (info(version=1), "string_type", [*INFO, "version"]),
    (info(description=1), "string_type", [*INFO, "description"]),
    (info(model_metadata=[]), "dict_type", [*INFO, "model_metadata"]),
    (info(model_metadata={"author": 1}), "string_type", [*INFO, "model_metadata", "author"]),
    (
        info(model_metadata={"author_assessed_status": "blue"}),
        "enum",
        [*INFO, "model_metadata", "author_assessed_status"],
    ),
    (info(period_type="daily"), "enum", [*INFO, "period_type"]),
    (info(min_prediction_periods="one"), "int_parsing", [*INFO, "min_prediction_periods"]),
    (info(min_prediction_periods=None), "int_type", [*INFO, "min_prediction_periods"]),
    (info(max_prediction_periods=1.5), "int_from_float", [*INFO, "max_prediction_periods"]),
    (
        info(allow_free_additional_continuous_covariates="perhaps"),
        "bool_parsing",
        [*INFO, "allow_free_additional_continuous_covariates"],
    ),
    (info(required_covariates="rain"), "list_type", [*INFO, "required_covariates"]),
    (info(required_covariates=["rain", 1]), "string_type", [*INFO, "required_covariates", 1]),
    (raw(b'"requires_geo":' + DEEP), "json_invalid", ["body"]),
    (raw(b'"min_prediction_periods":"' + b"9" * 5000 + b'"'), "int_parsing_size", [*INFO, "min_prediction_periods"]),
    (info(requires_geo=None), "bool_type", [*INFO, "requires_geo"]),
    (raw(b'"version":"\xff"'), "json_invalid", ["body"]),
    (raw(b'"later":"\xff"'), "json_invalid", ["body"]),
    (raw(b'"later":NaN'), "json_invalid", ["body"]),
    (raw(b'"later":' + DEEP), "json_invalid", ["body"]),
    (raw(b'"model_metadata":{"later":' + DEEP + b"}"), "json_invalid", ["body"]),
]


@pytest.mark.parametrize(("body", "kind", "loc"), BAD)
async def test_bad_input_is_a_422_and_changes_nothing(
    start_gateway: GatewayFactory,
    sqlite_url: str,
    clock: ManualClock,
    body: bytes,
    kind: str,
    loc: list[str | int],
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        before = (await client.get("/v2/services")).content
        clock.advance(1)
        answer = await client.post(REGISTER, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        [detail] = answer.json()["detail"]
        assert (detail["type"], detail["loc"]) == (kind, loc)
        assert detail["msg"]
        assert (await client.get("/v2/services")).content == before


async def test_an_oversized_body_is_a_413(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_MAX_BODY_BYTES": "2048"}) as client:
        answer = await client.post(REGISTER, content=info(description="x" * 2048))
        assert (answer.status_code, answer.json()) == (413, {"detail": "The body is larger than 2048 bytes"})
        assert (await client.get("/v2/services")).json()["count"] == 0


async def test_a_database_without_tables_is_a_503_that_trying_again_does_not_mend(
    start_gateway: GatewayFactory, tmp_path: object
) -> None:
    async with start_gateway(f"sqlite:///{tmp_path}/empty.db") as client:
        for answer in (
            await client.post(REGISTER, json=payload()),
            await client.get("/v2/services"),
            await ping(client),
        ):
            assert answer.status_code == 503
            assert "retry-after" not in answer.headers
            assert list(answer.json()) == ["detail"]
