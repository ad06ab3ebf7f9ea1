"""ScaiKey's tokens: JWTs of service accounts, verified here with the issuer's public keys.

The signature is verified by joserfc, the claims here: their time is that of the request, and what ScaiKey means by
them is no standard. What is wrong whoever signed it is refused before any key is looked for, so such tokens never
cause a fetch.
"""

import base64
import hashlib
from typing import Annotated, Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from msgspec import Meta

from gateway_scaicontrol.auth import Caller
from gateway_scaicontrol.jwks import Keys
from registry_gateway.adapter import SUPER_ADMIN, Forbidden, Unauthorized, parse

JWKS_PATH = "/api/v1/platform/.well-known/jwks.json"
"""Where ScaiKey publishes its keys, below the issuer's URL."""

LEEWAY_SECONDS = 60.0
"""How far the issuer's clock and ours may be apart."""

ALGORITHMS = ("RS256", "ES256")
"""The signatures that are accepted. Both need a private key to make."""

SERVICE_TOKENS = ("client_credentials", "platform_token")
"""Values of `token_type` that stand for a service and not for a person."""

MAX_LENGTH = 16_384
"""Longest token that is looked at, in characters."""

CACHE_SECONDS = 60.0
"""How long a verified token is believed without verifying it again, unless it ends before: as long as its key
may have been withdrawn already."""

CACHE_SIZE = 10_000
"""Most verified tokens remembered at once."""


class _Claims(msgspec.Struct):
    """What a token says. Members typed Any are looked at with care: a strange one grants nothing and harms nothing."""

    iss: str
    sub: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
    exp: float
    nbf: float | None = None
    aud: str | list[str] | None = None
    token_type: Any = None
    permissions: Any = None
    scope: Any = None
    role: Any = None
    roles: Any = None


_registry = jws.JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
_registry.max_header_length = 8192  # of base64; some issuers put a certificate chain here, and we don't look at it
_registry.max_payload_length = MAX_LENGTH
_claims = msgspec.json.Decoder(_Claims)
_header = msgspec.json.Decoder(dict[str, Any])


class ScaiKey:
    """Verifies the tokens of one issuer."""

    def __init__(self, issuer: str, audience: str | None, keys: Keys) -> None:
        """Take the issuer as `iss` names it, the audience that `aud` must hold (None: not looked at), and its keys."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._verified: dict[bytes, tuple[Caller, float]] = {}

    async def caller(self, token: str, now: float) -> Caller:
        """Return whom a token stands for: the owner is `scaikey:` and its `sub`. What it may do is not looked at.

        `now` is the time it is judged by, in epoch seconds.

        Raises:
            Unauthorized: It is no valid token of this issuer, now.
            Forbidden: It is a person's.
            KeysUnavailable: It may be valid, but the issuer's keys can't be had.
        """
        digest = hashlib.sha256(token.encode()).digest()
        caller, until = self._verified.get(digest, (None, 0.0))
        if caller is not None and now < until:
            return caller
        self._verified.pop(digest, None)
        signed, kid = _read(token)
        claims = _decoded(signed)
        self._check(claims, now)
        await self._verify(signed, kid, now)
        caller = _caller(claims)
        if len(self._verified) >= CACHE_SIZE:
            self._verified.clear()
        self._verified[digest] = (caller, min(claims.exp + LEEWAY_SECONDS, now + CACHE_SECONDS))
        return caller

    def _check(self, claims: _Claims, now: float) -> None:
        if claims.iss != self._issuer:
            raise Unauthorized("The token is from another issuer")
        if now >= claims.exp + LEEWAY_SECONDS:
            raise Unauthorized("The token has expired")
        if claims.nbf is not None and now < claims.nbf - LEEWAY_SECONDS:
            raise Unauthorized("The token is not valid yet")
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud or []
        if self._audience is not None and self._audience not in audiences:
            raise Unauthorized("The token is meant for another audience")

    async def _verify(self, signed: jws.CompactSignature, kid: str, now: float) -> None:
        key = await self._keys.find(kid, now)
        if key is None:
            raise Unauthorized("The token is signed with a key that its issuer does not publish")
        try:
            # The key is bound to its algorithm, so joserfc refuses a header that names another.
            good = jws.validate_compact(signed, key.jwk, registry=_registry)
        except (JoseError, ValueError, TypeError):
            good = False
        if not good:
            raise Unauthorized("The token's signature is not valid")


def _read(token: str) -> tuple[jws.CompactSignature, str]:
    """Take a token apart; return it with the id of the key it claims to be signed with. Nothing is verified yet."""
    try:
        if len(token) > MAX_LENGTH:
            raise ValueError
        head, _, _ = token.encode("ascii").partition(b".")
        header = parse(base64.urlsafe_b64decode(head + b"=="), _header)
        kid = header.get("kid")
        # No extension is understood, and an unencoded payload is not for JWTs (RFC 7797 section 7).
        if header.get("alg") not in ALGORITHMS or not isinstance(kid, str) or header.keys() & {"crit", "b64"}:
            raise ValueError
        return jws.extract_compact(token.encode("ascii"), registry=_registry), kid
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthorized("The bearer token is not valid") from None


def _decoded(signed: jws.CompactSignature) -> _Claims:
    try:
        claims = parse(signed.payload, _claims)
    except msgspec.DecodeError:
        raise Unauthorized("The token's claims are not those of a ScaiKey token") from None
    return claims


def _caller(claims: _Claims) -> Caller:
    if claims.token_type not in SERVICE_TOKENS:
        raise Forbidden("Only the token of a service account may be used here")
    scopes = set(_texts(claims.permissions))
    if isinstance(claims.scope, str):
        scopes.update(s for s in claims.scope.split() if s != SUPER_ADMIN)  # a role is not asked for like a scope
    if SUPER_ADMIN in (*_texts(claims.role), *_texts(claims.roles), claims.role, claims.roles):
        scopes.add(SUPER_ADMIN)
    return Caller(f"scaikey:{claims.sub}", frozenset(scopes))


def _texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
