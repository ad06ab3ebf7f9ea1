"""Bodies the ScaiControl dialect refuses, in which words, and that nothing has changed afterwards."""

import pytest

from tests.conftest import GatewayFactory
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

_REGISTRATION = b'{"slug": "invoices", "name": "Invoices", "version": "1.0.0", %s}'

UNREADABLE: list[tuple[bytes, str, list[str | int]]] = [
    (b"", "missing", ["body"]),
    (b"{", "json_invalid", ["body", 1]),
    (b"slug=invoices", "json_invalid", ["body", 0]),
    (b'{"slug": "invoices"} trailing', "json_invalid", ["body", 21]),
    (b"\xef\xbb\xbf{}", "missing", ["body", "slug"]),
    (b"null", "dict_type", ["body"]),
    (b'["invoices"]', "dict_type", ["body"]),
    (b"{}", "missing", ["body", "slug"]),
    (b'{"slug": null}', "string_type", ["body", "slug"]),
    (b'{"slug": 7}', "string_type", ["body", "slug"]),
    (b'{"slug": "\xff"}', "json_invalid", ["body"]),
    (b'{"slug": "\\ud800"}', "json_invalid", ["body"]),
    (b'{"slug": "in\\u0000voices"}', "string_pattern_mismatch", ["body", "slug"]),
    (b'{"slug": "invoices", "unknown": ' + b"[" * 100_000, "json_invalid", ["body"]),
    (b'{"slug": "invoices", "metadata": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, "json_invalid", ["body"]),
]
"""Bodies no endpoint can do anything with: what is sent, and `type` and `loc` of the answer."""

SLUGS = [
    "",
    "Invoices",
    "1nvoices",
    "-invoices",
    "in_voices",
    "in voices",
    "invoices\n",
    "invoices/..",
    "../invoices",
    "invo\u0131ces",
    "\u0430bc",
    "invoices'--",
    "a" * 65,
]

MEMBERS: list[tuple[bytes, str, list[str | int]]] = [
    (b'"name": null', "string_type", ["body", "name"]),
    (b'"name": ""', "string_too_short", ["body", "name"]),
    (b'"name": "a\\u0000b"', "string_pattern_mismatch", ["body", "name"]),
    (b'"name": "\\udfff"', "json_invalid", ["body"]),
    (b'"name": "%s"' % (b"n" * 1025), "string_too_long", ["body", "name"]),
    (b'"version": 1.0', "string_type", ["body", "version"]),
    (b'"version": ""', "string_too_short", ["body", "version"]),
    (b'"description": ["x"]', "string_type", ["body", "description"]),
    (b'"base_url": {}', "string_type", ["body", "base_url"]),
    (b'"base_url": "http://\\u0000"', "string_pattern_mismatch", ["body", "base_url"]),
    (b'"capabilities": "pdf"', "dict_type", ["body", "capabilities"]),
    (b'"metadata": []', "dict_type", ["body", "metadata"]),
    (b'"heartbeat_interval_seconds": 0', "greater_than_equal", ["body", "heartbeat_interval_seconds"]),
    (b'"heartbeat_interval_seconds": -30', "greater_than_equal", ["body", "heartbeat_interval_seconds"]),
    (b'"heartbeat_interval_seconds": 86401', "less_than_equal", ["body", "heartbeat_interval_seconds"]),
    (b'"heartbeat_interval_seconds": 1.5', "int_type", ["body", "heartbeat_interval_seconds"]),
    (b'"heartbeat_interval_seconds": true', "int_type", ["body", "heartbeat_interval_seconds"]),
    (b'"heartbeat_interval_seconds": "30"', "int_type", ["body", "heartbeat_interval_seconds"]),
    (b'"heartbeat_interval_seconds": null', "int_type", ["body", "heartbeat_interval_seconds"]),
    (b'"unknown": "\xff"', "json_invalid", ["body"]),
    (b'"unknown": "\\ud800"', "json_invalid", ["body"]),
    (b'"unk\xffnown": 1', "json_invalid", ["body"]),
]
"""Members that spoil a registration, unknown ones included: they are kept, so they must be JSON to the end."""

HEARTBEATS: list[tuple[bytes, str, list[str | int]]] = [
    (b'"status": "fine"', "enum", ["body", "status"]),
    (b'"status": null', "string_type", ["body", "status"]),
    (b'"version": 2', "string_type", ["body", "version"]),
    (b'"version": "\\u0000"', "string_pattern_mismatch", ["body", "version"]),
    (b'"uptime_seconds": -1', "greater_than_equal", ["body", "uptime_seconds"]),
    (b'"uptime_seconds": "long"', "float_type", ["body", "uptime_seconds"]),
    (b'"active_connections": 1.5', "int_type", ["body", "active_connections"]),
    (b'"metadata": "x"', "dict_type", ["body", "metadata"]),
]


async def unprocessable(caller: Service, method: str, path: str, body: bytes) -> tuple[str, list[str | int]]:
    """`type` and `loc` of a 422, after a look at its shape."""
    answer = await caller.send(method, path, body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["x-request-id"].startswith("req_")
    [problem] = answer.json()["detail"]
    assert set(problem) == {"type", "loc", "msg"}
    assert problem["msg"]
    return problem["type"], problem["loc"]


async def test_bad_bodies_are_refused_and_change_nothing(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        billing = await service(client)
        data(await billing.register("invoices"), 201)
        before = await state(client)
        for method, path in ENDPOINTS:
            for body, kind, loc in UNREADABLE:
                assert await unprocessable(billing, method, path, body) == (kind, loc), (method, path, body[:60])
        for method in ("POST", "PUT"):
            for member, kind, loc in MEMBERS:
                problem = await unprocessable(billing, method, REGISTER, _REGISTRATION % member)
                assert problem == (kind, loc), (method, member[:60])
            for missing in ("name", "version"):
                members = b",".join(b'"%s": "x"' % m.encode() for m in ("name", "version") if m != missing)
                problem = await unprocessable(billing, method, REGISTER, b'{"slug": "invoices", %s}' % members)
                assert problem == ("missing", ["body", missing])
        for member, kind, loc in HEARTBEATS:
            problem = await unprocessable(billing, "POST", HEARTBEAT, b'{"slug": "invoices", %s}' % member)
            assert problem == (kind, loc), member
        reason = b'{"slug": "invoices", "reason": ["x"]}'
        assert await unprocessable(billing, "DELETE", REGISTER, reason) == ("string_type", ["body", "reason"])
        assert await state(client) == before


@pytest.mark.parametrize("slug", SLUGS)
async def test_a_slug_has_no_tricks(start_gateway: GatewayFactory, sqlite_url: str, slug: str) -> None:
    async with start_gateway(sqlite_url) as client:
        billing = await service(client)
        for answer in (
            await billing.register(slug),
            await billing.update(slug),
            await billing.heartbeat(slug),
            await billing.deregister(slug),
        ):
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["loc"] == ["body", "slug"]
        assert await state(client) == ([], [])


async def test_a_body_over_the_limit_is_refused(start_gateway: GatewayFactory, sqlite_url: str) -> None:
    async with start_gateway(sqlite_url, {"REGISTRY_GATEWAY_MAX_BODY_BYTES": "2048"}) as client:
        billing = await service(client)
        body = b'{"slug": "invoices", "name": "Invoices", "version": "1", "description": "%s"}'
        fits = body % (b"d" * (2048 - len(body) + 2))
        assert len(fits) == 2048
        for method, path in ENDPOINTS:
            refused(await billing.send(method, path, fits + b" "), 413, "payload_too_large")
        assert await state(client) == ([], [])
        data(await billing.send("POST", REGISTER, fits), 201)
