"""The catalogue as tests read it."""

from typing import Any

import httpx

SERVICES = "/catalog/v1/services"


async def listed(client: httpx.AsyncClient, **query: object) -> dict[str, Any]:
    """A page of services."""
    answer = await client.get(SERVICES, params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    assert set(page) == {"total", "next", "services"}
    return page


async def keys(client: httpx.AsyncClient, **query: object) -> list[str]:
    """The keys on a page."""
    return [service["key"] for service in (await listed(client, **query))["services"]]


async def shown(client: httpx.AsyncClient, dialect: str, key: str) -> dict[str, Any]:
    """All there is on a service."""
    answer = await client.get(f"{SERVICES}/{dialect}/{key}")
    assert answer.status_code == 200, answer.text
    service: dict[str, Any] = answer.json()
    return service


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The members of a problem, after a look at the ones each has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    return body
