"""`/admin/v1`: who gets in, and that it does what the command line does."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from registry_gateway.core.commands import Register
from registry_gateway.core.model import Actor
from tests.conftest import GatewayFactory, ManualClock, core_of

pytestmark = pytest.mark.anyio

CHANGES = {
    "services/approve": {"key": "invoices"},
    "services/remove": {"key": "invoices"},
    "accounts": {"name": "new"},
    "accounts/rotate": {"name": "clerk"},
    "accounts/revoke": {"name": "clerk"},
    "subscriptions": {"key": "invoices", "subscriber": "tenant-42"},
    "subscriptions/cancel": {"id": 1},
}
"""Every request that changes something, with a body that would do it."""


async def account(client: httpx.AsyncClient, name: str, *scopes: str) -> str:
    """Create an account; its token."""
    return (await core_of(client).accounts.create(name, scopes or ["registry:manage"], [])).token


async def administrator(client: httpx.AsyncClient, scope: str = "admin:registry") -> None:
    """Make `client` an administrator."""
    client.headers["Authorization"] = f"Bearer {await account(client, 'ops', scope)}"


async def service(client: httpx.AsyncClient, key: str, dialect: str = "scaicontrol") -> None:
    """Register a service that waits for its approval."""
    command = Register(
        dialect=dialect,
        key=key,
        name=key.title(),
        version="1",
        ttl=60,
        document=b"{}",
        mode="replace",
        actor=Actor("test"),
        approved=False,
    )
    await core_of(client).registry.register(command)


async def ask(client: httpx.AsyncClient, path: str, body: object, status: int) -> Any:
    """The `data` of the answer, or the problem."""
    answer = await client.post(f"/admin/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    content = answer.json()
    if status < 400:
        assert answer.headers["cache-control"] == "no-store"
        assert set(content) == {"data"}
        return content["data"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert content["status"] == status
    return content


async def state(client: httpx.AsyncClient) -> object:
    """Everything a refused request must leave alone."""
    registry = core_of(client).registry
    return await registry.list(), await registry.events(), await registry.subscriptions()


# --- who gets in


async def test_without_an_administrator_there_is_nothing(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        client.headers["Authorization"] = f"Bearer {await account(client, 'clerk')}"
        for path, body in CHANGES.items():
            await ask(client, path, body, 404)
        for path in ("accounts", "subscriptions", "nothing"):
            assert (await client.get(f"/admin/v1/{path}")).status_code == 404

        await administrator(client)
        assert (await client.get("/admin/v1/accounts")).status_code == 200
        await core_of(client).accounts.revoke("ops")
        assert (await client.get("/admin/v1/accounts")).status_code == 404


async def test_an_administrator_made_elsewhere_is_noticed(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as here, start_gateway(database_url) as there:
        assert (await here.get("/admin/v1/accounts")).status_code == 404
        await administrator(there)
        here.headers["Authorization"] = there.headers["Authorization"]
        clock.advance(5)
        assert (await here.get("/admin/v1/accounts")).status_code == 200


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer rgw_1_2", "Basic b3BzOm9wcw==", "Bearer \xff"])
async def test_nobody_gets_in_without_a_token(
    start_gateway: GatewayFactory, sqlite_url: str, authorization: str | None
) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        await service(client, "invoices")
        del client.headers["Authorization"]
        if authorization is not None:
            client.headers.encoding = "latin-1"
            client.headers["Authorization"] = authorization
        before = await state(client)
        for path, body in CHANGES.items():
            await ask(client, path, body, 401)
        for path in ("accounts", "subscriptions"):
            answer = await client.get(f"/admin/v1/{path}")
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert await state(client) == before


async def test_a_service_account_gets_no_further(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        client.headers["Authorization"] = f"Bearer {await account(client, 'clerk')}"
        await service(client, "invoices")
        before = await state(client)
        for path, body in CHANGES.items():
            assert (await ask(client, path, body, 403))["detail"] == "The token lacks the scope admin:registry"
        # Refused before the body is looked at
        assert (await client.post("/admin/v1/accounts", content=b"{")).status_code == 403
        assert (await client.get("/admin/v1/accounts")).status_code == 403
        assert await state(client) == before


async def test_a_super_admin_gets_in(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client, "super_admin")
        assert (await client.get("/admin/v1/accounts")).status_code == 200


# --- what it does


async def test_a_service_is_approved_and_removed(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await administrator(client)
        await service(client, "invoices")
        approved = await ask(client, "services/approve", {"key": "invoices"}, 200)
        assert (approved["dialect"], approved["key"], approved["status"]) == ("scaicontrol", "invoices", "up")
        assert approved["approved"] is True
        assert approved["approved_at"] is not None
        removed = await ask(client, "services/remove", {"key": "invoices", "reason": "moved"}, 200)
        assert removed["status"] == "gone"
        gone = await ask(client, "services/remove", {"key": "invoices"}, 404)
        assert gone["detail"].startswith("invoices is not registered in ")
        events = (await core_of(client).registry.events(key="invoices"))[1:]
        assert [(e.kind, e.actor, e.client_address, e.reason) for e in events] == [
            ("approved", "account:ops", "192.0.2.7", None),
            ("deregistered", "account:ops", "192.0.2.7", "moved"),
        ]
        assert len({e.request_id for e in events}) == 2


async def test_a_key_of_two_dialects_wants_the_dialect(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        await service(client, "a/b/", "runspec")
        await service(client, "a/b/", "chap")
        assert (await ask(client, "services/remove", {"key": "a/b/"}, 409))["code"] == "ambiguous"
        await ask(client, "services/remove", {"key": "a/b/", "dialect": "morse"}, 404)
        removed = await ask(client, "services/remove", {"key": "a/b/", "dialect": "chap"}, 200)
        assert removed["dialect"] == "chap"


async def test_an_account_from_creation_to_revocation(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        await administrator(client)
        accounts = core_of(client).accounts
        created = await ask(client, "accounts", {"name": "scaiflow", "slugs": ["a"], "expires_in": 1000}, 201)
        assert (created["scopes"], created["slugs"]) == (["registry:manage"], ["a"])
        assert created["tokens"][0]["expires_at"] == clock.now() + 1000
        await ask(client, "accounts", {"name": "scaiflow"}, 409)

        clock.advance(100)
        rotated = await ask(client, "accounts/rotate", {"name": "scaiflow", "overlap": 50}, 201)
        assert [token["expires_at"] for token in rotated["tokens"]] == [clock.now() + 50, None]
        old, new = created["token"], rotated["token"]
        assert [(await accounts.authenticate(token)) is not None for token in (old, new)] == [True, True]
        clock.advance(50)
        assert [(await accounts.authenticate(token)) is not None for token in (old, new)] == [False, True]

        listed = (await client.get("/admin/v1/accounts")).json()["data"]
        assert [a["name"] for a in listed] == ["ops", "scaiflow"]
        assert not any(token in str(listed) for token in (old.split("_", 2)[2], new.split("_", 2)[2]))

        assert (await ask(client, "accounts/revoke", {"name": "scaiflow"}, 200))["revoked_at"] == clock.now()
        assert await accounts.authenticate(new) is None
        await ask(client, "accounts/rotate", {"name": "scaiflow"}, 409)
        for path in ("accounts/rotate", "accounts/revoke"):
            await ask(client, path, {"name": "nobody"}, 404)
        events = await core_of(client).registry.events(key="account:scaiflow")
        assert [(e.kind, e.actor, e.client_address) for e in events] == [
            (kind, "account:ops", "192.0.2.7") for kind in ("account_created", "account_rotated", "account_revoked")
        ]


async def test_subscriptions_block_the_removal(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        await service(client, "invoices")
        added = await ask(client, "subscriptions", {"key": "invoices", "subscriber": "tenant-42"}, 201)
        assert (added["key"], added["subscriber"], added["state"]) == ("invoices", "tenant-42", "active")
        await ask(client, "subscriptions", {"key": "invoices", "subscriber": "tenant-42"}, 409)
        assert (await ask(client, "services/remove", {"key": "invoices"}, 409))["code"] == "still_subscribed"
        assert (await client.get("/admin/v1/subscriptions")).json() == {"data": [added]}
        assert (await ask(client, "subscriptions/cancel", {"id": added["id"]}, 200))["state"] == "cancelled"
        await ask(client, "subscriptions/cancel", {"id": added["id"]}, 404)
        await ask(client, "services/remove", {"key": "invoices"}, 200)


# --- what makes no sense


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        ("services/approve", {}, ["body", "key"]),
        ("services/approve", {"key": ""}, ["body", "key"]),
        ("services/approve", {"key": "a\x00"}, ["body", "key"]),
        ("services/remove", {"key": "a", "raison": "b"}, ["body"]),
        ("accounts", {"name": 1}, ["body", "name"]),
        ("accounts", {"name": "x", "scopes": []}, ["body", "scopes"]),
        ("accounts", {"name": "x", "scopes": "admin:registry"}, ["body", "scopes"]),
        ("accounts", {"name": "x", "expires_in": 0}, ["body", "expires_in"]),
        ("accounts/rotate", {"name": "x", "overlap": -1}, ["body", "overlap"]),
        ("accounts/rotate", {"name": "x", "overlap": 1e300}, ["body", "overlap"]),
        ("subscriptions", {"key": "a", "subscriber": " "}, ["body", "subscriber"]),
        ("subscriptions/cancel", {"id": 2**63}, ["body", "id"]),
        ("subscriptions/cancel", [], ["body"]),
    ],
)
async def test_bodies_that_are_invalid(
    start_gateway: GatewayFactory, sqlite_url: str, path: str, body: object, at: Sequence[str]
) -> None:
    async with start_gateway(sqlite_url) as client:
        await administrator(client)
        before = await state(client)
        assert (await ask(client, path, body, 422))["at"] == at
        assert await state(client) == before


async def test_requests_that_are_none(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_MAX_BODY_BYTES": "1024"}) as client:
        await administrator(client)
        for content, status in ((b"", 422), (b"{", 422), (b"\xff", 422), (b" " * 2000, 413)):
            answer = await client.post("/admin/v1/accounts", content=content)
            assert (answer.status_code, answer.json()["status"]) == (status, status)
        answer = await client.delete("/admin/v1/accounts")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
