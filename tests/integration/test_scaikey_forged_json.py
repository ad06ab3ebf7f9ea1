"""Forged tokens whose header or claims are no sound JSON: 401, before any key is looked for, and no defect."""

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from tests.conftest import START, GatewayFactory
from tests.integration.scaicontrol_account import Service, refused, state
from tests.integration.scaikey_issuer import FIRST, Issuer, assemble

pytestmark = pytest.mark.anyio

HEADER: Mapping[str, Any] = {"alg": "RS256", "typ": "JWT", "kid": "first"}
DEEP = 50_000 // 8  # base64 of more is longer than the longest token

NO_OBJECT = {
    "nothing": b"",
    "a byte": b"\xff",
    "NUL": b"\x00",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "text": b'"text"',
    "a number": b"7",
    "null": b"null",
    "true": b"true",
    "NaN": b"NaN",
    "a list": b"[]",
    "an empty object": b"{}",
    "half an object": b'{"iss":',
    "two objects": b"{}{}",
    "UTF-16": json.dumps(HEADER).encode("utf-16"),
    "UTF-32": json.dumps(HEADER).encode("utf-32"),
    "lists in lists": b"[" * DEEP,
    "closed lists in lists": b"[" * (DEEP // 2) + b"]" * (DEEP // 2),
    "objects in objects": b'{"a":' * (DEEP // 5),
    "a name that is not UTF-8": b'{"\xff":1}',
}

CLAIMS = {
    "a subject that is not UTF-8": b'"sub":"\xff"',
    "an issuer that is not UTF-8": b'"iss":"\xc3\x28"',
    "an overlong encoding": b'"sub":"\xc0\x80"',
    "a surrogate in UTF-8": b'"sub":"\xed\xa0\x80"',
    "half a surrogate pair": b'"sub":"\\ud800"',
    "a claim nobody reads that is not UTF-8": b'"more":"\xff"',
    "a scope that is not UTF-8": b'"scope":["\xff"]',
    "a deep claim": b'"more":' + b"[" * 5_000 + b"]" * 5_000,
    "a deep role": b'"role":' + b'{"a":' * 1_500 + b"1" + b"}" * 1_500,
    "an end that is NaN": b'"exp":NaN',
    "an end that is Infinity": b'"exp":Infinity',
    "an end beyond any number": b'"exp":1e999',
    "an end far back": b'"exp":-1e308',
    "an end of 5000 digits": b'"exp":' + b"9" * 5_000,
    "a beginning that is NaN": b'"nbf":NaN',
    "a beginning beyond any number": b'"nbf":1e309',
    "a beginning of 400 digits": b'"nbf":' + b"9" * 400,
    "a beginning far ahead": b'"nbf":1e308',
    "a scope of 5000 digits": b'"scope":' + b"9" * 5_000,
    "an end that is a list": b'"exp":[1]',
    "an end that is an object": b'"exp":{}',
    "an end that is null": b'"exp":null',
    "an end in hexadecimal": b'"exp":0x7fffffff',
    "an end with a leading zero": b'"exp":01999999999',
    "an audience of lists": b'"aud":[["a"]]',
    "a comment": b'/* */ "sub":"a"',
    "a control character": b'"more":"\x01"',
}


def with_claim(issuer: Issuer, claim: bytes) -> bytes:
    """Claims that are good but for one, which comes last and so counts."""
    return json.dumps(issuer.claims()).encode()[:-1] + b"," + claim + b"}"


async def test_headers_and_claims_that_are_no_json_object(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for name, part in NO_OBJECT.items():
            for token in (assemble(part, issuer.claims(), FIRST), assemble(HEADER, part, FIRST)):
                answer = await Service(client, token).register("scaiflow")
                assert answer.status_code == 401, name
                refused(answer, 401, "unauthorized")
        assert await state(client) == ([], [])
    assert issuer.asked == 0


async def test_claims_that_can_not_be_read(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for name, claim in CLAIMS.items():
            answer = await Service(client, assemble(HEADER, with_claim(issuer, claim), FIRST)).heartbeat("scaiflow")
            assert answer.status_code == 401, name
            refused(answer, 401, "unauthorized")
        assert await state(client) == ([], [])
    assert issuer.asked == 0


async def test_headers_that_can_not_be_read(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    members = [
        b'"kid":"\xff"',
        b'"more":"\xff"',
        b'"kid":7',
        b'"kid":null',
        b'"kid":["first"]',
        b'"alg":["RS256"]',
        b'"alg":{"RS256":1}',
        b'"alg":NaN',
        b'"more":1e999',
        b'"more":' + b"9" * 5_000,
        b'"more":' + b"[" * 2_500 + b"]" * 2_500,
        b'"crit":[]',
        b'"b64":false',
    ]
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for member in members:
            header = json.dumps(HEADER).encode()[:-1] + b"," + member + b"}"
            answer = await Service(client, assemble(header, issuer.claims(), FIRST)).heartbeat("scaiflow")
            assert answer.status_code == 401, member[:40]
            refused(answer, 401, "unauthorized")
    assert issuer.asked == 0


async def test_bytes_changed_at_random(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    chance = random.Random(14)
    good = [json.dumps(HEADER).encode(), json.dumps(issuer.claims(exp=START + 600)).encode()]
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for _ in range(300):
            changed = [bytearray(part) for part in good]
            for _ in range(chance.randint(1, 3)):
                part = chance.choice(changed)
                part[chance.randrange(len(part))] = chance.randrange(256)
            token = assemble(bytes(changed[0]), bytes(changed[1]), FIRST)
            status = (await Service(client, token).heartbeat("scaiflow")).status_code
            # Signed by the issuer's key, so one that is still sound may be accepted, or be a person's.
            assert status in (401, 403, 404), token
