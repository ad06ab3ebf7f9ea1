"""A small ScaiKey: a real HTTP server on loopback that publishes keys, and the tokens signed with them.

Tokens are signed with `cryptography` alone, so that the gateway's library does not check its own work. One server
serves several issuers, each below a path of its own; what an issuer publishes, and how badly it behaves, is set on it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from itertools import count
from typing import Any

import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.types import Receive, Scope, Send

from tests.conftest import START

JWKS_PATH = "/api/v1/platform/.well-known/jwks.json"


def encoded(content: bytes | Mapping[str, Any]) -> str:
    """Base64url without padding, of bytes or of an object as JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class RsaSigner:
    """An RSA key and its id."""

    alg = "RS256"

    def __init__(self, kid: str, bits: int = 2048) -> None:
        self.kid = kid
        self._bits = bits

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(65537, self._bits)

    def sign(self, message: bytes) -> bytes:
        """Sign as RS256 says."""
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def jwk(self, **members: Any) -> dict[str, Any]:
        """The public key, as it is published."""
        numbers = self._key.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": _number(numbers.n),
            "e": _number(numbers.e),
            **members,
        }

    def private_jwk(self) -> dict[str, Any]:
        """The key with the member no one else should see."""
        return self.jwk(d=_number(self._key.private_numbers().d))

    def pem(self) -> bytes:
        """The public key as PEM: what the HMAC of an algorithm confusion is made with."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class EcSigner:
    """A key on an elliptic curve and its id."""

    alg = "ES256"

    def __init__(self, kid: str, curve: ec.EllipticCurve | None = None) -> None:
        self.kid = kid
        self._key = ec.generate_private_key(curve or ec.SECP256R1())

    def sign(self, message: bytes) -> bytes:
        """Sign as ES256 says: two numbers of 32 bytes."""
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        size = (self._key.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def jwk(self, **members: Any) -> dict[str, Any]:
        """The public key, as it is published."""
        numbers, size = self._key.public_key().public_numbers(), (self._key.key_size + 7) // 8
        x, y = (encoded(n.to_bytes(size, "big")) for n in (numbers.x, numbers.y))
        return {"kty": "EC", "use": "sig", "crv": "P-256", "kid": self.kid, "x": x, "y": y, **members}


Signer = RsaSigner | EcSigner

FIRST, SECOND, CURVE = RsaSigner("first"), RsaSigner("second"), EcSigner("curve")
"""Keys of an issuer; made once, on first use, since RSA keys take their time."""


def assemble(header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes, signer: Signer) -> str:
    """A token of that header and payload, signed whatever the header says."""
    message = f"{encoded(header)}.{encoded(payload)}"
    return f"{message}.{encoded(signer.sign(message.encode()))}"


def hmac_token(header: Mapping[str, Any], payload: Mapping[str, Any], secret: bytes) -> str:
    """A token with an HMAC for a signature."""
    message = f"{encoded(header)}.{encoded(payload)}"
    return f"{message}.{encoded(hmac.new(secret, message.encode(), hashlib.sha256).digest())}"


class Issuer:
    """One issuer: its URL, the keys it publishes, how it answers, and how often it was asked."""

    def __init__(self, url: str) -> None:
        """Publish the key `FIRST`."""
        self.url = url
        self.keys: list[dict[str, Any]] = [FIRST.jwk()]
        self.asked = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body: Callable[[], Iterable[bytes]] = lambda: [json.dumps({"keys": self.keys}).encode()]
        self.pause = 0.0
        self.open = threading.Event()
        self.open.set()

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a gateway that takes this issuer's tokens. Loopback is never asked for through a proxy."""
        return {"SCAIKEY_ISSUER": self.url}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What a good token says, with these changes; a claim of None is left out."""
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": "7f0c",
            "exp": START + 600,
            "token_type": "client_credentials",
            "permissions": ["registry:manage"],
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, signer: Signer = FIRST, **changes: Any) -> str:
        """A good token, with these changes of its claims."""
        header = {"alg": signer.alg, "typ": "JWT", "kid": signer.kid}
        return assemble(header, self.claims(**changes), signer)


class IssuerServer:
    """The HTTP server, in a thread of its own."""

    def __init__(self) -> None:
        """Take a free port of loopback; nothing listens on it before `start`."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port: int = taken.getsockname()[1]
        self._issuers: dict[str, Issuer] = {}
        self._numbers = count()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread()

    def issuer(self) -> Issuer:
        """A new issuer on this server."""
        path = f"/realm{next(self._numbers)}"
        self._issuers[path] = Issuer(f"http://127.0.0.1:{self.port}{path}")
        return self._issuers[path]

    def start(self) -> None:
        """Listen; return when it does."""
        config = uvicorn.Config(self, lifespan="off", ws="none", log_config=None, access_log=False, loop="asyncio")
        listener = socket.create_server(("127.0.0.1", self.port))
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening: connections are refused afterwards."""
        if self._server is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the issuer says whose path it is."""
        path: str = scope["path"]
        issuer = self._issuers["/" + path.split("/")[1]]
        issuer.asked += 1
        gone = asyncio.create_task(_disconnected(receive))
        while not (issuer.open.is_set() or gone.done()):  # noqa: ASYNC110 - set by another thread, where asyncio's Event can't be
            await asyncio.sleep(0.005)
        known = path.endswith((JWKS_PATH, "/keys.json"))
        headers = [(k.encode(), v.encode()) for k, v in issuer.headers.items()]
        await send({"type": "http.response.start", "status": issuer.status if known else 404, "headers": headers})
        for part in issuer.body() if known else ():
            if gone.done():
                break
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(issuer.pause)
        await send({"type": "http.response.body", "body": b""})
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
