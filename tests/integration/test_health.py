import pytest

from tests.conftest import GatewayFactory

pytestmark = pytest.mark.anyio


async def test_health_is_open_and_does_not_touch_the_database(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_an_unmigrated_database_is_not_ready(start_gateway: GatewayFactory, tmp_path: object) -> None:
    async with start_gateway(f"sqlite:///{tmp_path}/empty.db") as client:
        answer = await client.get("/health/ready")
        assert answer.status_code == 503
        assert "migration none" in answer.json()["reason"]
        assert answer.headers["retry-after"] == "1"


async def test_an_unknown_path_is_a_clear_404(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.get("/nowhere")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
