"""The run proxy of CHAP: what passes, in both directions, between real servers."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import httpx
import pytest

from registry_gateway.adapter import SettingsError
from tests.conftest import GatewayFactory, ManualClock
from tests.integration.chap_service import KEY, REGISTER, TTL, WITH_KEY, payload
from tests.integration.model_server import Model, answer
from tests.integration.watcher import PATIENCE, listening

pytestmark = pytest.mark.anyio

ON = {"REGISTRY_GATEWAY_CHAP_RUN_PROXY": "true"}
OWN = {"REGISTRY_GATEWAY_CHAP_RUN_PROXY_OWN_ADDRESSES": "true"}
RUN = "/v2/services/my-model/run"
PROXIED = {"content-security-policy": "sandbox", "x-content-type-options": "nosniff"}


async def register(client: httpx.AsyncClient, url: str, key: str = "my-model") -> None:
    """Register a service at `url`."""
    answer = await client.post(REGISTER, json={**payload(id=key), "url": url}, headers={"X-Service-Key": KEY})
    assert answer.status_code == 200, answer.text


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    """A model's server."""
    model = Model()
    async with model.listening():
        yield model


@pytest.fixture
async def client(start_gateway: GatewayFactory, sqlite_url: str, model: Model) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that passes requests on, with the model registered. (It comes before the fixture of all tests.)"""
    async with start_gateway(sqlite_url, {**WITH_KEY, **ON, **OWN}) as client:
        await register(client, model.url)
        yield client


async def raw(remote: httpx.AsyncClient, target: str, method: str = "GET", **headers: str) -> httpx.Response:
    """The answer to a request whose target is sent as it is."""
    return await remote.request(method, "/", headers=headers, extensions={"target": target.encode("latin-1")})


# --- paths


@pytest.mark.parametrize(
    ("below", "expected"),
    [
        ("", "/"),
        ("/", "/"),
        ("/api/v1/configs", "/api/v1/configs"),
        ("/api/v1/configs/", "/api/v1/configs/"),
        ("/a?x=1&x=2&y=%2F+%20", "/a?x=1&x=2&y=%2F+%20"),
        ("/?x", "/?x"),
        ("/a%2Fb/%2e%2E/%7Ec/%e4%C3%A9", "/a%2Fb/%2e%2E/%7Ec/%e4%C3%A9"),
        ("/a/./b/../c//d", "/a/./b/../c//d"),
        ("//a", "//a"),
        ("/$ping", "/$ping"),
        ("/api/v1/configs/$schema", "/api/v1/configs/$schema"),
        ("/run/run/x", "/run/run/x"),
        ("/v2/services/other/run/x", "/v2/services/other/run/x"),
        ("/http://elsewhere.example/x", "/http://elsewhere.example/x"),
        ("/@elsewhere.example/x", "/@elsewhere.example/x"),
        ("/a[b]{c}|d\\e'\"", "/a[b]{c}|d\\e'\""),
    ],
)
async def test_path_and_query_are_passed_on_as_they_are(
    remote: httpx.AsyncClient, model: Model, below: str, expected: str
) -> None:
    found = await raw(remote, RUN + below)
    assert (found.status_code, found.text) == (200, "ok")
    assert model.targets == [expected]


@pytest.mark.parametrize("base", ["/models/a", "/models/a/", "/models/a?old=1#x"])
async def test_an_address_with_a_path(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, model: Model, base: str
) -> None:
    await register(client, model.url + base)
    for below, expected in (("", "/models/a/"), ("/x%2F/y/?z", "/models/a/x%2F/y/?z"), ("/x/../y", "/models/a/x/../y")):
        assert (await raw(remote, RUN + below)).status_code == 200
        assert model.targets[-1] == expected


@pytest.mark.parametrize("below", ["/..", "/../b", "/x/../../b", "/%2e%2E/b", "/..%2fb", "/x/..%2f..%2Fb", "/..%5Cb"])
async def test_a_path_stays_below_the_address(remote: httpx.AsyncClient, model: Model, below: str) -> None:
    found = await raw(remote, RUN + below)
    assert (found.status_code, found.json()) == (400, {"detail": "The path leads out of the service's URL"})
    assert model.heads == []


@pytest.mark.parametrize(
    "target",
    [
        "/v2/services/other/run/x",
        "/v2/services/my-model%2Frun%2Fx/run/y",
        "/v2/services/my-model/%72un/x",
        "/v2/%73ervices/my-model/run/x",
        "/v2/services/my-model/running",
        "/v2/services/my-model/run%00",
    ],
)
async def test_other_paths_are_not_passed_on(remote: httpx.AsyncClient, model: Model, target: str) -> None:
    assert (await raw(remote, target)).status_code == 404
    assert model.heads == []


async def test_an_id_may_be_encoded(remote: httpx.AsyncClient, model: Model) -> None:
    assert (await raw(remote, "/v2/services/my%2Dmodel/run/x")).status_code == 200
    assert model.targets == ["/x"]


async def test_a_gateway_with_a_prefix(start_gateway: GatewayFactory, sqlite_url: str, model: Model) -> None:
    environment = {**WITH_KEY, **ON, **OWN, "REGISTRY_GATEWAY_ROOT_PATH": "/registry"}
    async with start_gateway(sqlite_url, environment) as client, listening(client) as remote:
        await register(client, model.url)
        for prefix in ("", "/registry"):  # a proxy may have removed it
            assert (await raw(remote, f"{prefix}{RUN}/a%20b/")).status_code == 200
        assert model.targets == ["/a%20b/"] * 2


async def test_it_reads_only(remote: httpx.AsyncClient, model: Model) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        found = await raw(remote, RUN + "/x", method)
        assert (found.status_code, found.headers["allow"]) == (405, "GET, HEAD")
    assert model.heads == []


# --- headers


async def test_what_is_sent_to_the_service(remote: httpx.AsyncClient, model: Model) -> None:
    fields = [
        ("Host", "gateway.example"),
        ("Authorization", "Bearer token"),
        ("X-Service-Key", KEY),
        ("Cookie", "session=1"),
        ("Proxy-Authorization", "Basic x"),
        ("Connection", "close, X-Hop ,Keep-Alive"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("Accept", "text/csv"),
        ("Accept-Encoding", "gzip"),
        ("Range", "bytes=0-1"),
        ("If-None-Match", '"x"'),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("Via", "1.0 fred"),
        ("User-Agent", "reader"),
    ]
    request = httpx.Request("GET", f"{remote.base_url}{RUN}/x", headers=fields)
    assert (await remote.send(request)).status_code == 200
    assert sorted(model.headers) == [
        ("accept", "text/csv"),
        ("accept-encoding", "gzip"),
        ("host", f"127.0.0.1:{model.port}"),
        ("if-none-match", '"x"'),
        ("range", "bytes=0-1"),
        ("user-agent", "reader"),
        ("via", "1.0 fred, 1.1 registry-gateway"),
        ("x-twice", "1"),
        ("x-twice", "2"),
    ]


async def test_nothing_is_added_for_a_client_that_sends_little(remote: httpx.AsyncClient, model: Model) -> None:
    request = httpx.Request("GET", f"{remote.base_url}{RUN}/x")
    assert (await remote.send(request)).status_code == 200
    assert sorted(model.headers) == [("host", f"127.0.0.1:{model.port}"), ("via", "1.1 registry-gateway")]


async def test_a_body_is_not_sent(remote: httpx.AsyncClient, model: Model) -> None:
    found = await remote.request("GET", RUN + "/x", content=b"x" * 100_000)
    assert found.status_code == 200
    assert {"content-length", "transfer-encoding"}.isdisjoint(name for name, _ in model.headers)
    assert (await remote.get(RUN + "/x")).status_code == 200  # on the same connection


async def test_what_is_returned_to_the_client(remote: httpx.AsyncClient, model: Model) -> None:
    model.scripts["/x"] = answer(
        "Content-Type: text/html",
        "Connection: close, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Authenticate: Basic",
        "Trailer: X-Sum",
        "Upgrade: h2c",
        "Set-Cookie: session=1",
        "Set-Cookie: other=2",
        "Service-Worker-Allowed: /",
        "Clear-Site-Data: *",
        "Strict-Transport-Security: max-age=1",
        'Alt-Svc: h3=":443"',
        "Access-Control-Allow-Origin: *",
        "Content-Security-Policy: sandbox allow-scripts",
        "X-Content-Type-Options: sniff",
        "Date: Mon, 01 Jan 2001 00:00:00 GMT",
        'ETag: W/"1"',
        "X-Twice: 1",
        "X-Twice: 2",
        "X-Latin: caf\xe9",
        "X-Control: a\x01b",
        "Server: uvicorn",
        body=b"<p>",
    )
    found = await remote.get(RUN + "/x")
    assert (found.status_code, found.content) == (200, b"<p>")
    fields = [(name, value) for name, value in found.headers.multi_items() if name != "date"]
    assert sorted(fields) == sorted(
        {
            "content-type": "text/html",
            "content-length": "3",
            "etag": 'W/"1"',
            "server": "uvicorn",
            "x-latin": "caf\xe9",
            **PROXIED,
        }.items()
        | {("x-twice", "1"), ("x-twice", "2")}
    )
    assert "2001" not in found.headers.get("date", "")


# --- answers


@pytest.mark.parametrize(
    "status", ["201 Created", "204 No Content", "304 Not Modified", "404 Not Found", "418 Teapot", "500 Oops", "503 X"]
)
async def test_every_status_is_the_services_own(remote: httpx.AsyncClient, model: Model, status: str) -> None:
    body = b"" if status[:3] in ("204", "304") else b'{"detail": "of the service"}'
    model.scripts["/x"] = answer("Retry-After: 7", status=status, body=body)
    if status[:3] == "304":  # it may have the length of the answer that the client has
        model.scripts["/x"] = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nRetry-After: 7\r\n\r\n"
    for _ in range(2):  # the connection stays usable
        found = await remote.get(RUN + "/x")
        assert (found.status_code, found.content) == (int(status[:3]), body)
        assert found.headers["retry-after"] == "7"
        assert PROXIED.items() <= dict(found.headers).items()


async def test_head(remote: httpx.AsyncClient, model: Model) -> None:
    model.scripts["/x"] = b"HTTP/1.1 200 OK\r\nContent-Length: 123456\r\nETag: 1\r\n\r\n"
    for _ in range(2):
        found = await remote.head(RUN + "/x")
        assert (found.status_code, found.headers["content-length"], found.headers["etag"]) == (200, "123456", "1")
        assert found.content == b""
    assert model.heads[-1].startswith("HEAD /x HTTP/1.1\r\n")


async def test_a_body_without_a_length(remote: httpx.AsyncClient, model: Model) -> None:
    model.scripts["/chunked"] = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n"
        b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
    )
    model.scripts["/closed"] = b"HTTP/1.0 200 OK\r\n\r\nabcde"
    for path in ("/chunked", "/closed"):
        found = await remote.get(RUN + path)
        assert (found.status_code, found.content) == (200, b"abcde")
        assert found.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in found.headers


async def test_a_compressed_body_is_passed_on_as_it_is(remote: httpx.AsyncClient, model: Model) -> None:
    body = gzip.compress(b"x" * 10_000)
    model.scripts["/x"] = answer("Content-Encoding: gzip", body=body)
    async with remote.stream("GET", RUN + "/x") as found:
        assert found.headers["content-encoding"] == "gzip"
        assert b"".join([piece async for piece in found.aiter_raw()]) == body


async def test_a_large_body_is_streamed(remote: httpx.AsyncClient, model: Model) -> None:
    size, piece = 64 * 2**20, b"x" * 2**16
    read = asyncio.Event()

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nbegin" % size)
        await read.wait()  # the client has the beginning before there is more
        left = size - 5
        while left:
            writer.write(piece[:left])
            await writer.drain()
            left -= len(piece[:left])

    model.scripts["/x"] = script
    async with remote.stream("GET", RUN + "/x") as found:
        assert found.headers["content-length"] == f"{size}"
        pieces = found.aiter_raw()
        got = len(await anext(pieces))
        assert got == 5
        read.set()
        async for some in pieces:
            got += len(some)
    assert got == size


# --- redirects


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_on_the_services_own_server_are_followed(
    remote: httpx.AsyncClient, model: Model, status: str
) -> None:
    model.scripts["/docs"] = answer("Location: /docs/", status=status, body=b"moved")
    model.scripts["/docs/"] = answer(f"Location: {model.url}/a/b%2Fc?d=%20#e", status=status)
    model.scripts["/a/b%2Fc"] = answer("Location: ../x", status=status)
    for method in ("GET", "HEAD"):
        found = await raw(remote, RUN + "/docs", method, Authorization="Bearer x")
        assert (found.status_code, found.text) == (200, "ok" if method == "GET" else "")
        assert model.targets[-4:] == ["/docs", "/docs/", "/a/b%2Fc?d=%20", "/x"]
        assert "authorization" not in dict(model.headers)
        assert model.heads[-1].startswith(method)


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://127.0.0.1:{other}/x", "it redirects to another server"),
        ("http://localhost:{port}/x", "it redirects to another server"),
        ("https://127.0.0.1:{port}/x", "it redirects to another server"),
        ("//elsewhere.example/x", "it redirects to another server"),
        ("file:///etc/passwd", "it redirects to another server"),
        ("javascript:alert(1)", "it redirects to another server"),
        ("http://127.0.0.1:x/", "it redirects to an invalid URL"),
        ("/again", "it redirects more than 5 times"),
    ],
)
async def test_other_redirects_are_not_followed(
    remote: httpx.AsyncClient, model: Model, location: str, why: str
) -> None:
    other = Model()
    async with other.listening():
        to = location.format(port=model.port, other=other.port)
        model.scripts["/again"] = answer(f"Location: {to}", status="302 Found")
        found = await remote.get(RUN + "/again")
        assert found.status_code == 502
        assert found.json() == {"detail": f"Service my-model gives no usable answer: {why}"}
        assert "location" not in found.headers
        assert other.heads == []
        assert len(model.heads) == (6 if location == "/again" else 1)


# --- which services


async def test_only_live_services_are_asked(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, model: Model, clock: ManualClock
) -> None:
    found = await remote.get("/v2/services/other/run/x")
    assert (found.status_code, found.json()) == (404, {"detail": "Service other not found"})
    clock.advance(TTL)
    found = await remote.get(RUN + "/x")
    assert (found.status_code, found.json()) == (404, {"detail": "Service my-model not found"})
    assert (await client.put("/v2/services/my-model/$ping", headers={"X-Service-Key": KEY})).status_code == 200
    assert (await remote.get(RUN + "/x")).status_code == 200
    await client.delete("/v2/services/my-model", headers={"X-Service-Key": KEY})
    assert (await remote.get(RUN + "/x")).status_code == 404
    assert len(model.heads) == 1


@pytest.mark.parametrize(
    ("url", "detail"),
    [
        ("http://127.0.0.1:1", "Service my-model is unreachable"),
        ("http://no-such-host.invalid", "Service my-model is unreachable"),
        ("http://127.0.0.1:99999", "Service my-model is unreachable"),
        ("not a url", "Service my-model has an address that is not an http or https URL"),
        ("my-model:8080", "Service my-model has an address that is not an http or https URL"),
        ("ftp://127.0.0.1/", "Service my-model has an address that is not an http or https URL"),
        ("http://", "Service my-model has an address that is not an http or https URL"),
        ("http://[::1", "Service my-model has an address that is not an http or https URL"),
        ("http://169.254.169.254", "Service my-model is at an address to which this gateway makes no connections"),
        ("http://[fe80::1]", "Service my-model is at an address to which this gateway makes no connections"),
        ("http://0.0.0.0:{port}", "Service my-model is at an address to which this gateway makes no connections"),
    ],
)
async def test_services_that_can_not_be_reached(
    client: httpx.AsyncClient, remote: httpx.AsyncClient, model: Model, url: str, detail: str
) -> None:
    await register(client, url.format(port=model.port))
    found = await remote.get(RUN + "/x")
    assert (found.status_code, found.json()) == (502, {"detail": detail})


@pytest.mark.parametrize(
    "answered",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n bad: header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 777 What\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_answers_that_are_none(remote: httpx.AsyncClient, model: Model, answered: bytes) -> None:
    model.scripts["/x"] = answered
    found = await remote.get(RUN + "/x")
    assert found.status_code == 502
    assert found.json()["detail"].startswith("Service my-model ")


async def test_without_the_setting_the_machines_own_addresses_are_refused(
    start_gateway: GatewayFactory, sqlite_url: str, model: Model
) -> None:
    async with start_gateway(sqlite_url, {**WITH_KEY, **ON}) as client, listening(client) as remote:
        for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "2130706433"):
            await register(client, f"http://{host}:{model.port}")
            found = await remote.get(RUN + "/x")
            assert found.status_code == 502
            detail = "Service my-model is at an address to which this gateway makes no connections"
            assert found.json() == {"detail": detail}  # which one it is stays in the log
        assert model.heads == []


async def test_a_service_that_leads_back_to_the_gateway(client: httpx.AsyncClient, remote: httpx.AsyncClient) -> None:
    await register(client, f"{remote.base_url}{RUN}")
    async with asyncio.timeout(PATIENCE):
        found = await remote.get(RUN + "/x")
    assert found.status_code == 502
    assert found.json() == {"detail": "Service my-model is at an address that leads back to this gateway"}


# --- settings


async def test_it_is_off_by_default(start_gateway: GatewayFactory, sqlite_url: str, model: Model) -> None:
    async with start_gateway(sqlite_url, {**WITH_KEY, **OWN}) as client, listening(client) as remote:
        await register(client, model.url)
        for path in ("", "/", "/x"):
            assert (await remote.get(RUN + path)).status_code == 404
        assert not any("/run" in path for path in (await remote.get("/openapi.json")).json()["paths"])
    assert model.heads == []


async def test_it_needs_a_key_for_registrations(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match=r"CHAP_RUN_PROXY: any client could .* set SERVICEKIT_REGISTRATION_KEY$"):
        async with start_gateway(sqlite_url, ON):
            pass


async def test_it_is_described(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    described = paths["/v2/services/{id}/run/{path}"]["get"]
    assert described["operationId"] == "chap_run"
    assert "security" not in described or described["security"] == []
    assert {"200", "400", "404", "502", "503", "504"} <= set(described["responses"])
