"""Pages of other origins: what REGISTRY_GATEWAY_CORS_ORIGINS lets them read, and that nothing is let by default."""

import httpx
import pytest

from tests.conftest import GatewayFactory

pytestmark = pytest.mark.anyio

OURS, OTHER = "https://dashboard.example.com", "https://other.example.com"
NAMED = {"REGISTRY_GATEWAY_CORS_ORIGINS": f"{OURS}, http://localhost:3000"}
SERVICES = "/catalog/v1/services"
ASKED = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,if-none-match"}


def allowed(answer: httpx.Response) -> str | None:
    """The origin that may read an answer."""
    headers = answer.headers
    assert "access-control-allow-credentials" not in headers
    assert "origin" in headers["vary"].lower()
    origin: str | None = headers.get("access-control-allow-origin")
    return origin


async def test_nothing_is_said_unless_origins_are_named(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        for method in ("GET", "OPTIONS"):
            answer = await client.request(method, SERVICES, headers={"Origin": OURS, **ASKED})
            assert answer.status_code == (200 if method == "GET" else 405)
            assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]


@pytest.mark.parametrize("origin", [OURS, "http://localhost:3000"])
async def test_a_page_of_a_named_origin_reads(start_gateway: GatewayFactory, sqlite_url: str, origin: str) -> None:
    async with start_gateway(sqlite_url, NAMED) as client:
        answer = await client.get(SERVICES, headers={"Origin": origin})
        assert (answer.status_code, allowed(answer)) == (200, origin)
        assert {"ETag", "Retry-After", "X-Request-ID"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )
        known = {"Origin": origin, "If-None-Match": answer.headers["etag"]}
        again = await client.get(SERVICES, headers=known)
        assert (again.status_code, allowed(again)) == (304, origin)


@pytest.mark.parametrize("origin", [OTHER, "null", OURS + ":8443", "http://dashboard.example.com", OURS + ".evil"])
async def test_a_page_of_another_origin_does_not(start_gateway: GatewayFactory, sqlite_url: str, origin: str) -> None:
    async with start_gateway(sqlite_url, NAMED) as client:
        assert allowed(await client.get(SERVICES, headers={"Origin": origin})) is None
        refused = await client.options(SERVICES, headers={"Origin": origin, **ASKED})
        assert (refused.status_code, allowed(refused)) == (400, None)


async def test_without_an_origin_caches_are_told_apart(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, NAMED) as client:
        assert allowed(await client.get(SERVICES)) is None


async def test_errors_can_be_read_too(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    closed = {**NAMED, "REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}
    async with start_gateway(sqlite_url, closed) as client:
        for path, status in ((SERVICES, 401), ("/catalog/v1/nothing", 404), ("/catalog/v1/events", 401)):
            answer = await client.get(path, headers={"Origin": OURS})
            assert (answer.status_code, allowed(answer)) == (status, OURS)
    async with start_gateway(sqlite_url, NAMED) as client:
        for path, status in ((f"{SERVICES}?nmae=x", 400), (f"{SERVICES}/chap/none", 404)):
            answer = await client.get(path, headers={"Origin": OURS})
            assert (answer.status_code, allowed(answer)) == (status, OURS)


async def test_a_preflight_allows_tokens_and_reads_alone(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    closed = {**NAMED, "REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}
    async with start_gateway(sqlite_url, closed) as client:
        answer = await client.options(SERVICES, headers={"Origin": OURS, **ASKED})
        assert (answer.status_code, allowed(answer)) == (200, OURS)
        assert answer.headers["access-control-allow-methods"] == "GET"
        for method in ("POST", "PUT", "DELETE"):
            asked = {"Origin": OURS, "Access-Control-Request-Method": method}
            assert (await client.options(SERVICES, headers=asked)).status_code == 400
        asked = {"Origin": OURS, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
        assert (await client.options(SERVICES, headers=asked)).status_code == 400


@pytest.mark.parametrize(
    "path", ["/v2/services", "/instances", "/tools", "/admin/v1/accounts", "/metrics", "/", "/docs"]
)
async def test_only_the_catalogue_is_read(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    async with start_gateway(sqlite_url, NAMED) as client:
        for method in ("GET", "OPTIONS"):
            answer = await client.request(method, path, headers={"Origin": OURS, **ASKED})
            assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_under_a_path_prefix_too(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {**NAMED, "REGISTRY_GATEWAY_ROOT_PATH": "/registry"}) as client:
        assert allowed(await client.get(f"/registry{SERVICES}", headers={"Origin": OURS})) == OURS
