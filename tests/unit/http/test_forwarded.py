"""Addresses of clients that proxies forward."""

import pytest
from starlette.types import Receive, Scope, Send

from registry_gateway.http.forwarded import Forwarded

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("peer", "allowed", "forwarded", "client"),
    [
        ("127.0.0.1", "127.0.0.1", "::ffff:192.0.2.9", "192.0.2.9"),
        ("127.0.0.1", "127.0.0.1", "[::ffff:192.0.2.9]:4711", "192.0.2.9"),
        ("127.0.0.1", "127.0.0.1,10.0.0.0/8", "192.0.2.9, ::ffff:10.1.2.3", "192.0.2.9"),
        ("127.0.0.1", "127.0.0.1", "192.0.2.9, ::ffff:10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "*", "::ffff:192.0.2.9, 10.1.2.3", "192.0.2.9"),
        ("127.0.0.1", "127.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("192.0.2.1", "127.0.0.1", "192.0.2.9", "192.0.2.1"),
    ],
)
async def test_addresses_that_proxies_forward_have_the_same(
    peer: str, allowed: str, forwarded: str, client: str
) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}
    await Forwarded(app, allowed)(scope, None, None)  # type: ignore[arg-type] # it looks at the scope only
    assert seen[0]["client"][0] == client
