"""ScaiKey's tokens that are refused: forged, somebody else's, or without the right; and none gets into the log."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.conftest import START, GatewayFactory
from tests.integration.scaicontrol_account import ENDPOINTS, REGISTER, Service, data, refused, state
from tests.integration.scaikey_issuer import CURVE, FIRST, SECOND, EcSigner, Issuer, assemble, encoded, hmac_token

pytestmark = pytest.mark.anyio

FORBIDDEN: list[tuple[dict[str, Any], str]] = [
    ({"token_type": None}, "service account"),
    ({"token_type": "user"}, "service account"),
    ({"token_type": "access_token", "role": "super_admin"}, "service account"),
    ({"token_type": ["client_credentials"]}, "service account"),
    ({"permissions": None}, "registry:manage"),
    ({"permissions": ["registry:read", "registry"], "scope": "registry:manage:all"}, "registry:manage"),
    ({"permissions": "registry:manage"}, "registry:manage"),
    ({"permissions": None, "scope": ["registry:manage"]}, "registry:manage"),
    ({"permissions": None, "scope": "super_admin"}, "registry:manage"),
    ({"permissions": None, "role": "registry:manage", "roles": ["registry:manage"]}, "registry:manage"),
]


async def test_valid_tokens_that_may_not(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for changes, message in FORBIDDEN:
            caller = Service(client, issuer.token(**changes))
            for method, path in ENDPOINTS:
                answer = await caller.send(method, path, b"{")
                assert answer.status_code == 403, changes
                assert message in refused(answer, 403, "forbidden")
        assert await state(client) == ([], [])


CLAIMS: list[dict[str, Any]] = [
    {"iss": None},
    {"iss": "https://elsewhere.example"},
    {"iss": 7},
    {"exp": None},
    {"exp": "1900000000"},
    {"exp": True},
    {"exp": START - 60},
    {"nbf": START + 61},
    {"nbf": "now"},
    {"sub": None},
    {"sub": ""},
    {"sub": 7},
    {"sub": "a\x00b"},
    {"sub": "a\n"},
    {"sub": "x" * 256},
    {"aud": 7},
]


async def test_claims_that_make_a_token_invalid(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for changes in CLAIMS:
            answer = await Service(client, issuer.token(**changes)).register("scaiflow")
            assert answer.status_code == 401, changes
            refused(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert await state(client) == ([], [])
    assert issuer.asked == 0


FORGED: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda i: f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(i.claims())}.",
    "alg none, signed": lambda i: assemble({"alg": "none", "kid": "first"}, i.claims(), FIRST),
    "HMAC with the public key": lambda i: hmac_token({"alg": "HS256", "kid": "first"}, i.claims(), FIRST.pem()),
    "HMAC called RS256": lambda i: hmac_token({"alg": "RS256", "kid": "first"}, i.claims(), FIRST.pem()),
    "HMAC with nothing": lambda i: hmac_token({"alg": "HS256", "kid": "first"}, i.claims(), b""),
    "another key's signature": lambda i: assemble({"alg": "RS256", "kid": "first"}, i.claims(), SECOND),
    "a key nobody published": lambda i: i.token(SECOND),
    "an RSA key for ES256": lambda i: assemble({"alg": "ES256", "kid": "first"}, i.claims(), FIRST),
    "an EC key for RS256": lambda i: assemble({"alg": "RS256", "kid": "curve"}, i.claims(), CURVE),
    "RS512": lambda i: assemble({"alg": "RS512", "kid": "first"}, i.claims(), FIRST),
    "an algorithm that is a list": lambda i: assemble({"alg": ["RS256"], "kid": "first"}, i.claims(), FIRST),
    "no algorithm": lambda i: assemble({"kid": "first"}, i.claims(), FIRST),
    "no kid": lambda i: assemble({"alg": "RS256"}, i.claims(), FIRST),
    "a kid that is a number": lambda i: assemble({"alg": "RS256", "kid": 1}, i.claims(), FIRST),
    "its own key": lambda i: assemble({"alg": "RS256", "kid": "x", "jwk": SECOND.jwk()}, i.claims(), SECOND),
    "an extension": lambda i: assemble({"alg": "RS256", "kid": "first", "crit": ["exp"], "exp": 1}, i.claims(), FIRST),
    "a critical member that is none": lambda i: assemble(
        {"alg": "RS256", "kid": "first", "crit": ["kid"]}, i.claims(), FIRST
    ),
    "nothing critical": lambda i: assemble({"alg": "RS256", "kid": "first", "crit": None}, i.claims(), FIRST),
    "an unencoded payload": lambda i: assemble(
        {"alg": "RS256", "kid": "first", "crit": ["b64"], "b64": False}, i.claims(), FIRST
    ),
    "a header member of the wrong type": lambda i: assemble(
        {"alg": "RS256", "kid": "first", "typ": 7}, i.claims(), FIRST
    ),
    "a header that is a list": lambda i: assemble(b'["alg"]', i.claims(), FIRST),
    "a header that is no JSON": lambda i: assemble(b"alg", i.claims(), FIRST),
    "a nested header": lambda i: assemble(b'{"alg":"RS256","kid":"first","a":' + b"[" * 5000, i.claims(), FIRST),
    "claims that are a list": lambda _: assemble({"alg": "RS256", "kid": "first"}, b"[]", FIRST),
    "nested claims": lambda _: assemble({"alg": "RS256", "kid": "first"}, b'{"a":' + b"[" * 5000, FIRST),
    "no claims": lambda _: assemble({"alg": "RS256", "kid": "first"}, b"", FIRST),
    "no signature": lambda i: i.token().rpartition(".")[0] + ".",
    "padding": lambda i: i.token() + "==",
    "a changed signature": lambda i: i.token()[:-6] + "AAAAAA",
    "other claims": lambda i: ".".join(
        (i.token().split(".")[0], encoded(i.claims(sub="another")), i.token().split(".")[2])
    ),
    "a long token": lambda i: i.token(more="x" * 20_000),
    "a long token, part by part in bounds": lambda i: assemble(
        {"alg": "RS256", "kid": "first", "x5c": ["A" * 5000]}, i.claims(more="x" * 8000), FIRST
    ),
    "four parts": lambda i: i.token() + ".x",
    "dots": lambda _: "..",
    "no base64": lambda i: "%%%." + i.token().partition(".")[2],
    "another script": lambda i: "\xe9\xff." + i.token().partition(".")[2],
    "our own prefix": lambda i: "rgw_" + i.token(),
}


async def test_forged_tokens(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    issuer.keys = [FIRST.jwk(), CURVE.jwk(), {"kty": "RSA", "kid": "x"}]
    body = {"slug": "a", "name": "A", "version": "1"}
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for name, forge in FORGED.items():
            headers = [(b"authorization", b"Bearer " + forge(issuer).encode("latin-1"))]
            answer = await client.post(REGISTER, headers=headers, json=body)
            assert answer.status_code == 401, name
            refused(answer, 401, "unauthorized")
        assert await state(client) == ([], [])
        data(await Service(client, issuer.token()).register("scaiflow"), 201)


async def test_a_key_on_another_curve_is_not_used(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer
) -> None:
    other = EcSigner("other", ec.SECP384R1())
    issuer.keys = [FIRST.jwk(), other.jwk(crv="P-384")]
    async with start_gateway(sqlite_url, issuer.environment) as client:
        refused(await Service(client, issuer.token(other)).register("scaiflow"), 401, "unauthorized")


async def test_no_token_gets_into_the_log(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = [
        issuer.token(),
        issuer.token(token_type="user"),
        issuer.token(permissions=[]),
        issuer.token(exp=START - 600),
        issuer.token(SECOND),
        issuer.token()[:-6] + "AAAAAA",
        issuer.token(more="x" * 20_000),
        "rgw_" + issuer.token(),
    ]
    async with start_gateway(sqlite_url, issuer.environment) as client:
        for token in tokens:
            answer = await Service(client, token).register("scaiflow")
            assert token not in answer.text
    logged = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "request refused" in logged
    for token in tokens:
        for part in token.split(".")[1:]:
            assert part[:40] not in logged
