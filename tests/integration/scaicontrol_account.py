"""The ScaiControl API as one service account calls it."""

from collections.abc import Sequence
from typing import Any

import httpx

from registry_gateway.core.model import Entry, Event
from tests.conftest import core_of

REGISTER = "/api/v1/registry/register"
HEARTBEAT = "/api/v1/registry/heartbeat"
ENDPOINTS = [("POST", REGISTER), ("PUT", REGISTER), ("DELETE", REGISTER), ("POST", HEARTBEAT)]


async def found(client: httpx.AsyncClient, slug: str) -> Entry:
    """What the registry holds under a slug."""
    entry = await core_of(client).registry.find("scaicontrol", slug)
    assert entry is not None
    return entry


async def events(client: httpx.AsyncClient, slug: str | None = None) -> Sequence[Event]:
    """The log of changes, of one slug or of everything."""
    return await core_of(client).registry.events(dialect="scaicontrol", key=slug)


async def state(client: httpx.AsyncClient) -> object:
    """Everything that a refused request must leave alone."""
    return await core_of(client).registry.list(), await events(client)


def data(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The `data` of a success, after a look at the envelope."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"data", "meta"}
    assert set(body["meta"]) == {"request_id", "timestamp"}
    assert body["meta"]["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"
    result: dict[str, Any] = body["data"]
    return result


def refused(answer: httpx.Response, status: int, code: str) -> str:
    """The message of an error, after a look at the envelope."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "request_id"}
    assert body["error"]["code"] == code
    assert body["error"]["request_id"] == answer.headers["x-request-id"]
    message: str = body["error"]["message"]
    return message


class Service:
    """What holds a token, and its calls."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client = client
        self.token = token

    async def send(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        """Send a body as it is."""
        return await self.client.request(
            method,
            path,
            content=content,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )

    async def register(self, slug: str, **members: Any) -> httpx.Response:
        """POST a registration with the required members, and these."""
        return await self._send("POST", REGISTER, _registration(slug, members))

    async def update(self, slug: str, **members: Any) -> httpx.Response:
        """PUT a registration with the required members, and these."""
        return await self._send("PUT", REGISTER, _registration(slug, members))

    async def heartbeat(self, slug: str, **members: Any) -> httpx.Response:
        """POST a heartbeat."""
        return await self._send("POST", HEARTBEAT, {"slug": slug, **members})

    async def deregister(self, slug: str, **members: Any) -> httpx.Response:
        """DELETE a registration, with a body."""
        return await self._send("DELETE", REGISTER, {"slug": slug, **members})

    async def _send(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.client.request(method, path, json=body, headers={"Authorization": f"Bearer {self.token}"})


def _registration(slug: str, members: dict[str, Any]) -> dict[str, Any]:
    return {"slug": slug, "name": slug.title(), "version": "1.0.0", **members}


async def service(
    client: httpx.AsyncClient,
    name: str = "billing",
    scopes: Sequence[str] = ("registry:manage",),
    slugs: Sequence[str] = (),
) -> Service:
    """Create an account and return what holds its token."""
    return Service(client, (await core_of(client).accounts.create(name, scopes, slugs)).token)
