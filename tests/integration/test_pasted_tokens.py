"""A token pasted as a path, a parameter, a name or a member of a body: no error repeats it, and no line of the log."""

import json
import logging
from typing import Any

import httpx
import pytest

from registry_gateway.observability.log import JsonFormatter, TextFormatter
from tests.conftest import GatewayFactory, core_of
from tests.integration.scaicontrol_account import REGISTER

pytestmark = pytest.mark.anyio

TOKEN = "rgw_0123456789abcdef_8aV-x_CqRrY0yqzq7X1b7a5m4uQmD3wq2l9sT6kWc0o"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL3gifQ.8aV-xCqRrY0yqzq7X1b7a5m4uQmD3w"
SECRET = "8aV-x"

REQUESTS: list[tuple[str, str, Any]] = [
    ("GET", "/{}", None),
    ("GET", "/v2/services/{}", None),
    ("PUT", "/v2/services/{}/$ping", None),
    ("DELETE", "/v2/services/{}", None),
    ("GET", "/v2/{}", None),
    ("POST", "/v2/services/{}", {}),
    ("GET", "/instances/{}", None),
    ("POST", "/instances/{}/heartbeat", None),
    ("POST", "/instances/{}/tools", {"tools": []}),
    ("DELETE", "/instances/{}", None),
    ("GET", "/tools/{}", None),
    ("GET", "/tools/export/{}", None),
    ("GET", "/instances?active={}", None),
    ("GET", "/catalog/v1/services/{}/x", None),
    ("GET", "/catalog/v1/services/chap/{}", None),
    ("GET", "/catalog/v1/services/chap/{}/events", None),
    ("GET", "/catalog/v1/services?{}=1", None),
    ("GET", "/catalog/v1/services?status={}", None),
    ("GET", "/catalog/v1/services?cursor={}", None),
    ("GET", "/catalog/v1/{}", None),
    ("GET", "/sd/prometheus?{}=1", None),
    ("GET", "/services/{}/x/y", None),
    ("GET", "/page/{}", None),
    ("POST", "/v2/services/$register", {"url": "{}", "info": {"{}": 1}}),
    ("POST", "/v2/services/$register", {"url": 1, "{}": 1}),
    ("POST", "/v2/services/$register", {"url": "u", "info": {"id": "{}", "display_name": "d"}}),
    ("POST", "/instances", {"instance_id": "a/{}/", "name": 1}),
    ("POST", "/instances/a/tools", {"tools": [{"name": "t", "{}": 1, "x-{}": 1}]}),
    ("POST", REGISTER, {"slug": "{}", "name": "n", "version": "1"}),
    ("POST", REGISTER, {"{}": 1}),
    ("DELETE", REGISTER, {"slug": "{}"}),
    ("POST", "/api/v1/registry/{}", {}),
    ("POST", "/admin/v1/{}", {}),
    ("POST", "/admin/v1/services/approve", {"key": "{}"}),
    ("POST", "/admin/v1/services/approve", {"key": "k", "dialect": "{}"}),
    ("POST", "/admin/v1/services/approve", {"{}": 1, "key": "k"}),
    ("POST", "/admin/v1/accounts", {"name": "{}"}),
    ("POST", "/admin/v1/accounts", {"name": "n", "{}": 1}),
    ("POST", "/admin/v1/accounts/rotate", {"name": "{}"}),
    ("POST", "/admin/v1/accounts/revoke", {"name": "{}"}),
    ("POST", "/admin/v1/subscriptions", {"key": "{}", "subscriber": "s"}),
]


@pytest.mark.parametrize("token", [TOKEN, JWT], ids=["ours", "a JWT"])
async def test_no_error_and_no_line_of_the_log_repeats_it(
    start_gateway: GatewayFactory, sqlite_url: str, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with start_gateway(sqlite_url) as client:
        accounts = core_of(client).accounts
        account = await accounts.create("me", ["super_admin"], [])
        headers = {"Authorization": f"Bearer {account.token}"}
        refused = 0
        for method, path, body in REQUESTS:
            answer = await _send(client, method, path.format(token), body, token, headers)
            if answer.status_code >= 400:
                refused += 1
                assert SECRET not in answer.text, (method, path, body, answer.text)
                assert len(answer.content) == int(answer.headers["content-length"])
                if answer.text:
                    answer.json()
    assert refused >= len(REQUESTS) - 10
    refusals = [r for r in caplog.records if r.name.startswith("registry_gateway")]
    assert len(refusals) >= len(REQUESTS) - 10
    for record in refusals:
        assert SECRET not in TextFormatter().format(record)
        assert SECRET not in JsonFormatter().format(record)


async def _send(
    client: httpx.AsyncClient, method: str, path: str, body: Any, token: str, headers: dict[str, str]
) -> httpx.Response:
    content = None if body is None else json.dumps(body).replace("{}", token).encode()
    return await client.request(method, path, content=content, headers=headers)
