"""ScaiKey's tokens: JWTs of service accounts, verified with the issuer's public keys.

joserfc verifies the signature. This module checks the claims, because they are judged at the time of the request and
ScaiKey's use of them is not standard. Claims are checked first, so tokens with invalid claims never cause a fetch of
keys.
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
"""Path of ScaiKey's keys below the issuer's URL."""

LEEWAY_SECONDS = 60.0
"""Seconds by which the issuer's clock and this gateway's may differ."""

ALGORITHMS = ("RS256", "ES256")
"""The accepted signature algorithms. Both are asymmetric."""

SERVICE_TOKENS = ("client_credentials", "platform_token")
"""Values of `token_type` for services. Tokens of persons have others."""

MAX_LENGTH = 16_384
"""Longest accepted token, in characters."""

CACHE_SECONDS = 60.0
"""Seconds for which a verified token is cached, at most until it expires. A withdrawn key may be effective as long."""

CACHE_SIZE = 10_000
"""Most verified tokens in the cache."""


class _Claims(msgspec.Struct):
    """The claims of a token. Members of type Any with unexpected values are ignored."""

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
_registry.max_header_length = 8192  # of base64; some issuers include a certificate chain, which is ignored
_registry.max_payload_length = MAX_LENGTH
_claims = msgspec.json.Decoder(_Claims)
_header = msgspec.json.Decoder(dict[str, Any])


class ScaiKey:
    """Verifies the tokens of one issuer."""

    def __init__(self, issuer: str, audience: str | None, keys: Keys) -> None:
        """Accept tokens with `iss` equal to `issuer` and with `audience` in `aud` (None: any), signed with `keys`."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._verified: dict[bytes, tuple[Caller, float]] = {}

    async def caller(self, token: str, now: float) -> Caller:
        """Return the account of a token. Its name is `scaikey:` and the token's `sub`. Scopes are not checked.

        `now` is the time at which the token must be valid, in epoch seconds.

        Raises:
            Unauthorized: It is not a valid token of this issuer.
            Forbidden: It is a person's.
            KeysUnavailable: It may be valid, but the issuer's keys can't be fetched.
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
    """Return the parts of a token and the key id in its header. Nothing is verified yet."""
    try:
        if len(token) > MAX_LENGTH:
            raise ValueError
        head, _, _ = token.encode("ascii").partition(b".")
        header = parse(base64.urlsafe_b64decode(head + b"=="), _header)
        kid = header.get("kid")
        # Extensions are not supported, and JWTs must not have an unencoded payload (RFC 7797, section 7).
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
        scopes.update(s for s in claims.scope.split() if s != SUPER_ADMIN)  # a role, which `scope` can't grant
    if SUPER_ADMIN in (*_texts(claims.role), *_texts(claims.roles), claims.role, claims.roles):
        scopes.add(SUPER_ADMIN)
    return Caller(f"scaikey:{claims.sub}", frozenset(scopes))


def _texts(value: Any) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []
