"""Every path a CHAP service takes to the gateway, and the ping URL it is handed: `$`, compose files and proxies."""

import pytest

from registry_gateway.http import call as calls
from tests.conftest import GatewayFactory
from tests.integration.chap_service import (
    REGISTER,
    payload,
    register,
)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "path", ["/v2/services/$register", "/v2/services/%24register", "/v2/services/", "/v2/services"]
)
async def test_every_way_the_orchestrator_url_arrives(
    start_gateway: GatewayFactory, sqlite_url: str, path: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.post(path, json=payload())
        assert answer.status_code == 200
        assert answer.json()["ping_url"] == "http://gateway:8765/v2/services/my-model/$ping"


@pytest.mark.parametrize("path", ["/v2/services/my-model/$ping", "/v2/services/my-model/%24ping"])
async def test_pings_with_the_dollar_sign_plain_and_encoded(
    start_gateway: GatewayFactory, sqlite_url: str, path: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        assert (await client.put(path, headers={"Content-Length": "0"})).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v2/services/my-model",
        "/v2/services/my-model/",
        "/v2/services//my-model",  # the orchestrator URL lost its $register to compose
        "/v2/services/%24register/my-model",  # it was written with %24
        "/v2/services/$register/my-model",
    ],
)
async def test_every_way_a_service_deregisters(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await register(client)
        answer = await client.delete(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await client.get("/v2/services")).json()["count"] == 0


@pytest.mark.parametrize(
    ("settings", "headers", "expected"),
    [
        ({}, {}, "http://gateway:8765/v2/services/my-model/$ping"),
        ({}, {"Host": "registry.example.org"}, "http://registry.example.org/v2/services/my-model/$ping"),
        (
            {"REGISTRY_GATEWAY_ROOT_PATH": "/registry"},
            {"Host": "example.org"},
            "http://example.org/registry/v2/services/my-model/$ping",
        ),
        (
            {"REGISTRY_GATEWAY_PUBLIC_URL": "https://example.org/registry/"},
            {"Host": "10.0.0.7:8765"},
            "https://example.org/registry/v2/services/my-model/$ping",
        ),
        ({"REGISTRY_GATEWAY_CHAP_PING_URL": "relative"}, {}, "/v2/services/my-model/$ping"),
    ],
    ids=["as seen", "host header", "root path", "public url", "relative"],
)
async def test_the_ping_url(
    start_gateway: GatewayFactory, sqlite_url: str, settings: dict[str, str], headers: dict[str, str], expected: str
) -> None:
    async with start_gateway(sqlite_url, settings) as client:
        answer = await client.post(REGISTER, json=payload(), headers=headers)
        assert answer.json()["ping_url"] == expected


@pytest.mark.parametrize(
    "host",
    [
        "gateway",
        "my_gateway:8765",
        "registry.example.org.",
        "192.0.2.1:80",
        "[2001:db8::1]:8765",
        "[::ffff:192.0.2.1]",
        "h%41:",
        "a" * 255,
    ],
)
async def test_a_host_is_in_the_ping_url(start_gateway: GatewayFactory, sqlite_url: str, host: str) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.post(REGISTER, json=payload(), headers={"Host": host})
        assert answer.json()["ping_url"] == f"http://{host}/v2/services/my-model/$ping"


async def test_without_a_host_the_ping_url_is_of_this_machine(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.post(REGISTER, json=payload(), headers={"Host": ""})
        assert answer.json()["ping_url"] == "http://localhost:8765/v2/services/my-model/$ping"


@pytest.mark.parametrize(
    "host",
    [
        "evil/x?y=#",
        "gw@evil",
        "a b",
        " a",
        "<b>",
        'a"',
        "a\\b",
        "a:x",
        ":80",
        "a:80:80",
        "a:65536",
        "a:-1",
        "[::1",
        "::1",
        "[zz]",
        "[::1%25eth0]",
        "a%4",
        "a%zz",
        "a\n",
        "gr\xfcn",
        "a" * 256,
        ["gateway", "gateway"],
        ["gateway", "evil"],
    ],
)
async def test_what_is_no_host_is_refused_and_nothing_is_registered(
    start_gateway: GatewayFactory, sqlite_url: str, host: str | list[str]
) -> None:
    hosts = [host] if isinstance(host, str) else host
    headers = [(b"Host", one.encode("latin-1")) for one in hosts]
    async with start_gateway(sqlite_url) as client:
        answer = await client.post(REGISTER, json=payload(), headers=headers)
        assert answer.status_code == 400
        assert "Host header" in answer.json()["detail"]
        assert (await client.get("/v2/services")).json()["count"] == 0


@pytest.mark.parametrize(
    "settings",
    [{"REGISTRY_GATEWAY_PUBLIC_URL": "https://example.org"}, {"REGISTRY_GATEWAY_CHAP_PING_URL": "relative"}],
    ids=["public url", "relative"],
)
async def test_a_host_that_is_not_used_is_not_looked_at(
    start_gateway: GatewayFactory, sqlite_url: str, settings: dict[str, str]
) -> None:
    async with start_gateway(sqlite_url, settings) as client:
        assert (await client.post(REGISTER, json=payload(), headers={"Host": "evil/x"})).status_code == 200


@pytest.mark.parametrize("prefix", ["", "/registry"])
async def test_a_proxy_may_strip_the_root_path_or_pass_it_on(
    start_gateway: GatewayFactory, sqlite_url: str, prefix: str
) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_ROOT_PATH": "/registry"}) as client:
        assert (await client.post(f"{prefix}/v2/services/$register", json=payload())).status_code == 200
        assert (await client.put(f"{prefix}/v2/services/my-model/$ping")).status_code == 200


@pytest.mark.parametrize(
    ("proto", "public_url", "told"), [("https", None, 1), ("http", None, 0), ("https", "https://x", 0)]
)
async def test_a_proxy_that_is_not_trusted_is_logged_once(
    start_gateway: GatewayFactory,
    sqlite_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    proto: str,
    public_url: str | None,
    told: int,
) -> None:
    monkeypatch.setattr(calls, "_untrusted", set())  # what the process has told already, in another test
    settings = {} if public_url is None else {"REGISTRY_GATEWAY_PUBLIC_URL": public_url}
    async with start_gateway(sqlite_url, settings) as client:
        client.headers["X-Forwarded-Proto"] = proto
        await register(client)
        await register(client)
    assert caplog.text.count("add the proxy to REGISTRY_GATEWAY_FORWARDED_ALLOW_IPS") == told
