"""Paths of the gateway's own: what a proxy's rule holds back has no other name."""

import httpx
import pytest

from tests.conftest import GatewayFactory, core_of
from tests.integration.chap_service import REGISTER, payload

pytestmark = pytest.mark.anyio

OWN = ["/metrics", "/sd/prometheus", "/health", "/health/ready", "/openapi.json", "/docs", "/catalog/v1/services"]
ADMIN = "/admin/v1/accounts"


async def administrator(client: httpx.AsyncClient) -> None:
    """Make `client` an administrator."""
    account = await core_of(client).accounts.create("ops", ["admin:registry"], [])
    client.headers["Authorization"] = f"Bearer {account.token}"


def encoded(path: str) -> list[str]:
    """`path` with its first segment written in other ways."""
    first, slash, rest = path[1:].partition("/")
    rest = slash + rest
    return [
        f"/%{ord(first[0]):02x}{first[1:]}{rest}",
        f"/{first[:-1]}%{ord(first[-1]):02X}{rest}",
        f"/%2F{first}{rest}",
        f"/{first}%2f{rest[1:]}",
        f"/{first}%00{rest}",
        f"/{first}%0A{rest}",
        f"/{first}%3B{rest}",
        f"//{first}{rest}",
        f"/.//{first}{rest}",
        f"/%2e/{first}{rest}",
        f"/x/%2e%2e/{first}{rest}",
    ]


@pytest.mark.parametrize("prefix", ["", "/registry"])
@pytest.mark.parametrize("path", [*OWN, ADMIN])
async def test_a_path_of_the_gateways_own_has_one_name(
    start_gateway: GatewayFactory, sqlite_url: str, path: str, prefix: str
) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_ROOT_PATH": prefix} if prefix else {}) as client:
        await administrator(client)
        assert (await client.get(prefix + path)).status_code == 200
        for other in encoded(path):
            answer = await client.get(f"http://gateway:8765{prefix}{other}")  # `//x` alone would be a host
            assert answer.status_code == 404, other
        for control in ("%0A", "%0D", "%09", "%00", "%7F", "%C2%85", "%E2%80%A8", "%0A/"):
            assert (await client.get(prefix + path + control)).status_code == 404, control


async def test_a_prefix_is_taken_as_it_is_written(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_ROOT_PATH": "/a/b c"}) as client:
        assert (await client.get("/a/b%20c/metrics")).status_code == 200
        for path in ("/%61/b%20c/metrics", "/a/%62%20c/metrics", "/a%2Fb%20c/metrics", "/a/b%20c%2Fmetrics"):
            assert (await client.get(path)).status_code == 404, path


@pytest.mark.parametrize("path", ["/%762/services", "/v%32/services/$register", "/v2%2Fservices", "/v2/services%0A"])
async def test_dialects_have_their_segments_as_they_are_written_too(
    start_gateway: GatewayFactory, sqlite_url: str, path: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        assert (await client.get(path)).status_code in (404, 405)
        assert (await client.post(path, json=payload())).status_code in (404, 405)
        assert (await client.post(REGISTER.replace("$", "%24"), json=payload())).status_code == 200
