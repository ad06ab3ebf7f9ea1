"""ScaiKey's keys against an issuer that answers with anything but a good set: nothing changes."""

import json
from itertools import repeat
from typing import Any

import pytest

from gateway_scaicontrol.jwks import MAX_BYTES
from tests.conftest import GatewayFactory, ManualClock
from tests.integration.scaicontrol_account import Service, data, refused
from tests.integration.scaikey_issuer import CURVE, FIRST, SECOND, Issuer, RsaSigner, encoded

pytestmark = pytest.mark.anyio

HOUR = 3600.0
LONG: dict[str, Any] = {"exp": 4_000_000_000}

HOSTILE: dict[str, dict[str, Any]] = {
    "an error": {"status": 500},
    "a page": {"body": lambda: [b"<html>"]},
    "nothing": {"body": lambda: [b""]},
    "a list": {"body": lambda: [b"[]"]},
    "keys that are none": {"body": lambda: [b'{"keys": [7]}']},
    "no keys": {"keys": []},
    "bytes": {"body": lambda: [b'{"keys":[{"kid":"\xff"}]}']},
    "nested": {"body": lambda: [b'{"keys":' + b"[" * 50_000]},
    "huge": {"body": lambda: [json.dumps({"keys": [SECOND.jwk()]}).encode(), b" " * MAX_BYTES]},
    "endless": {"body": lambda: repeat(b" " * 65536)},
    "compressed": {"headers": {"content-encoding": "gzip"}},
    "a redirect": {"status": 302, "headers": {"location": "keys.json"}},
    "two keys with one id": {"keys": [SECOND.jwk(), FIRST.jwk(kid="second")]},
    "a private key": {"keys": [FIRST.jwk(), SECOND.private_jwk()]},
    "a secret": {"keys": [SECOND.jwk(), {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}]},
    "a short key": {"keys": [RsaSigner("second", 1024).jwk()]},
    "a key that takes long": {"keys": [SECOND.jwk(n=encoded(b"\xff" * 1024))]},
    "a key for encryption": {"keys": [SECOND.jwk(use="enc")]},
    "a key that only signs": {"keys": [SECOND.jwk(key_ops=["sign"])]},
    "a key for another algorithm": {"keys": [SECOND.jwk(alg="PS256")]},
    "a key without an id": {"keys": [SECOND.jwk(kid=None)]},
    "a number that is none": {"keys": [SECOND.jwk(n="%%%")]},
    "a point off the curve": {"keys": [CURVE.jwk(x="AAAA", kid="second")]},
    "Ed25519": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "second", "x": "AAAA"}]},
}


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")  # the gateway itself has to notice
@pytest.mark.parametrize("behaviour", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_answer_changes_nothing(
    start_gateway: GatewayFactory,
    sqlite_url: str,
    issuer: Issuer,
    clock: ManualClock,
    behaviour: dict[str, Any],
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, issuer.token(**LONG)).register("scaiflow"), 201)
        for name, value in behaviour.items():
            setattr(issuer, name, value)
        answer = await Service(client, issuer.token(SECOND)).heartbeat("scaiflow")
        refused(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "60"
        assert issuer.asked == 2
        data(await Service(client, issuer.token(more=1)).heartbeat("scaiflow"))
        clock.advance(HOUR)
        data(await Service(client, issuer.token(more=2, **LONG)).heartbeat("scaiflow"))


async def test_keys_of_no_use_beside_good_ones_are_passed_over(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer
) -> None:
    issuer.keys = [
        {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "AAAA"},
        {"kty": "new", "kid": "first"},
        SECOND.jwk(use="enc", kid="first"),
        FIRST.jwk(x5c=7, x5t="?", key_ops=["verify"]),
    ]
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, issuer.token()).register("scaiflow"), 201)
