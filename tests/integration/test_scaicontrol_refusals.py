"""What the ScaiControl dialect refuses, in which words, and that nothing has changed afterwards."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import make_url

from registry_gateway.auth.accounts import CACHE_SECONDS
from tests.conftest import GatewayFactory, ManualClock, core_of
from tests.integration.scaicontrol_account import (
    ENDPOINTS,
    HEARTBEAT,
    REGISTER,
    Service,
    data,
    refused,
    service,
    state,
)

pytestmark = pytest.mark.anyio

GOOD: dict[str, Any] = {"slug": "invoices", "name": "Invoices", "version": "1.0.0"}


# --- who calls


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer made-up",
        "Bearer rgw_0011223344556677_made-up",
        "Bearer rgw_\xe9\xff_x",
        "Basic {token}",
        "{token}",
        "Bearer {token}x",
        "Bearer x {token}",
        "Bearer rgw_{number}_",
        "Bearer rgw_{number}_made-up",
    ],
)
async def test_without_a_valid_token_nobody_gets_further(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str, authorization: str | None
) -> None:
    async with start_gateway(sqlite_url) as client:
        billing = await service(client)
        headers: list[tuple[bytes, bytes]] = []
        if authorization is not None:
            number = billing.token.split("_")[1]
            headers = [(b"authorization", authorization.format(token=billing.token, number=number).encode("latin-1"))]
        for body in (b"", b"{", b'{"slug": "invoices", "name": "Invoices", "version": "1"}', b"x" * 2_000_000):
            answer = await client.request(method, path, content=body, headers=headers)
            message = refused(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert billing.token not in message
        assert await state(client) == ([], [])


async def test_the_scheme_is_not_case_sensitive(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        billing = await service(client)
        headers = {"Authorization": f"bearer  {billing.token}"}
        data(await client.post(REGISTER, json=GOOD, headers=headers), 201)


@pytest.mark.parametrize("scopes", [[], ["registry:read"], ["registry:manage:x"], ["registry"]])
async def test_without_the_scope_nothing_is_read(
    start_gateway: GatewayFactory, sqlite_url: str, scopes: list[str]
) -> None:
    async with start_gateway(sqlite_url) as client:
        reader = await service(client, "reader", scopes)
        for method, path in ENDPOINTS:
            for body in (b"", b"{", b'{"slug": "invoices", "name": "Invoices", "version": "1"}'):
                assert "registry:manage" in refused(await reader.send(method, path, body), 403, "forbidden")
        assert await state(client) == ([], [])


async def test_super_admin_passes_every_scope_check(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        root = await service(client, "root", ["super_admin"])
        data(await root.register("invoices"), 201)


async def test_a_restricted_account_speaks_for_its_slugs_only(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        flow = await service(client, "flow", slugs=["scaiflow", "scaiflow-eu"])
        before = await state(client)
        for answer in (
            await flow.register("scaikey"),
            await flow.update("scaikey"),
            await flow.heartbeat("scaikey"),
            await flow.deregister("scaikey"),
        ):
            assert "scaikey" in refused(answer, 403, "forbidden")
        assert await state(client) == before
        data(await flow.register("scaiflow-eu"), 201)
        data(await flow.heartbeat("scaiflow-eu"))
        assert (await flow.deregister("scaiflow-eu")).status_code == 204


async def test_a_revoked_token_is_worth_nothing(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        data(await billing.register("invoices"), 201)
        await core_of(client).accounts.revoke("billing")
        clock.advance(CACHE_SECONDS)
        refused(await billing.heartbeat("invoices"), 401, "unauthorized")


# --- what is asked for


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", REGISTER, "DELETE, POST, PUT"),
        ("PATCH", REGISTER, "DELETE, POST, PUT"),
        ("GET", HEARTBEAT, "POST"),
        ("OPTIONS", HEARTBEAT, "POST"),
    ],
)
async def test_another_method_is_a_405(
    start_gateway: GatewayFactory, sqlite_url: str, method: str, path: str, allow: str
) -> None:
    async with start_gateway(sqlite_url) as client:
        answer = await client.request(method, path)
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == allow


@pytest.mark.parametrize("path", ["/api", "/api/v1/registry", "/api/v2/registry/register", f"{REGISTER}/invoices"])
async def test_another_path_is_a_404(start_gateway: GatewayFactory, sqlite_url: str, path: str) -> None:
    async with start_gateway(sqlite_url) as client:
        refused(await client.post(path, json=GOOD), 404, "not_found")


# --- what goes wrong here


async def test_a_database_out_of_reach_is_a_503_and_recovers(
    start_gateway: GatewayFactory, postgresql_url: str, postgresql: Callable[[str], str]
) -> None:
    async with start_gateway(postgresql_url) as client:
        billing = await service(client)
        data(await billing.register("invoices"), 201)
        name = make_url(postgresql_url).database
        postgresql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgresql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        stranger = Service(client, "rgw_0011223344556677_made-up")  # not remembered: the database is asked
        for answer in (await billing.heartbeat("invoices"), await stranger.heartbeat("invoices")):
            assert "try again" in refused(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
        postgresql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        data(await billing.heartbeat("invoices"))


async def test_no_token_gets_into_the_log(
    start_gateway: GatewayFactory, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with start_gateway(sqlite_url) as client:
        billing, reader = await service(client), await service(client, "reader", [])
        stranger = Service(client, billing.token[:-1] + "~")
        for caller in (billing, reader, stranger):
            await caller.register("invoices")
            await caller.heartbeat("invoices", version="2")
            await caller.send("POST", REGISTER, b"{")
            await caller.deregister("nobody")
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "account:billing" in logged
    for caller in (billing, reader, stranger):
        assert caller.token.split("_", 2)[2] not in logged
