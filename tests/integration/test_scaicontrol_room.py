"""How many services an account may have: a limit if the operator sets one."""

import anyio
import pytest

from tests.conftest import GatewayFactory, ManualClock
from tests.integration.scaicontrol_account import data, refused, service, state

pytestmark = pytest.mark.anyio

TWO = {"REGISTRY_GATEWAY_SCAICONTROL_MAX_PER_ACCOUNT": "2"}


async def test_one_more_than_the_limit_is_refused_and_changes_nothing(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url, TWO) as client:
        billing = await service(client)
        for slug in ("a", "b"):
            data(await billing.register(slug), 201)
        before = await state(client)
        assert "as many services" in refused(await billing.register("c"), 403, "forbidden")
        assert await state(client) == before

        other = await service(client, "other")
        data(await other.register("c"), 201)


async def test_what_an_account_has_it_keeps_alive_and_updates(
    start_gateway: GatewayFactory, sqlite_url: str, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url) as client:
        billing = await service(client)
        for slug in ("a", "b", "c"):
            data(await billing.register(slug), 201)
        token = billing.token
    async with start_gateway(sqlite_url, TWO) as client:
        billing.client, billing.token = client, token
        data(await billing.heartbeat("c"))
        data(await billing.update("c", version="2"))
        clock.advance(1000)
        data(await billing.register("c"), 201)
        data(await billing.heartbeat("a"))
        refused(await billing.register("d"), 403, "forbidden")


async def test_a_deregistration_makes_room(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, TWO) as client:
        billing = await service(client)
        for slug in ("a", "b"):
            data(await billing.register(slug), 201)
        assert (await billing.deregister("a")).status_code == 204
        data(await billing.register("c"), 201)


async def test_registrations_at_once_are_counted_one_after_the_other(
    start_gateway: GatewayFactory, database_url: str
) -> None:
    async with start_gateway(database_url, TWO) as client:
        billing = await service(client)
        statuses: list[int] = []

        async def register(slug: str) -> None:
            statuses.append((await billing.register(slug)).status_code)

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(register, f"s{number}")
        assert sorted(statuses) == [201, 201, *[403] * 6]
