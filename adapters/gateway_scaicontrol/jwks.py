"""An issuer's public keys: fetched in the background of requests, checked, and kept while the issuer is away.

A key is bound to one algorithm when it comes in, so a token can't choose another for it. The last good set stays
until a better one has been read in full.
"""

import asyncio
import base64
import logging
import math
from collections.abc import Mapping
from typing import Any, Literal

import httpx
import msgspec
from joserfc.jwk import ECKey, RSAKey

from gateway_scaicontrol.auth import KeysUnavailable
from registry_gateway.adapter import Clock, parse

FRESH_SECONDS = 3600.0
"""How long a set is used before it is fetched again."""

REFETCH_SECONDS = 60.0
"""Least time between two fetches for the sake of unknown key ids, and between two tries while there is an old set."""

FIRST_RETRY_SECONDS = 10.0
"""Least time between two tries while there is no set at all."""

DEADLINE_SECONDS = 5.0
"""Longest a fetch may take, from the name look-up to the last byte."""

MAX_BYTES = 131_072
"""Largest key set that is read. A hundred RSA keys fit."""

RSA_BITS = range(2048, 4097)
"""Sizes of RSA keys: at least what RFC 7518 section 3.3 asks for, at most what is quickly verified."""

PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that are nobody's business but the issuer's (RFC 7518 section 6)."""

log = logging.getLogger("registry_gateway.scaikey")


class Key(msgspec.Struct, frozen=True):
    """A public key and the one algorithm it verifies."""

    alg: Literal["RS256", "ES256"]
    jwk: RSAKey | ECKey


class Refused(Exception):
    """An answer that is no key set to be trusted. The message repeats nothing of it."""


class Keys:
    """The keys behind a URL."""

    def __init__(self, url: str, clock: Clock, deadline: float = DEADLINE_SECONDS) -> None:
        """Take the URL (http or https), the clock, and the seconds a fetch may take. Fetches nothing yet."""
        self._url = url
        self._clock = clock
        self._deadline = deadline
        self._keys: dict[str, Key] | None = None
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._sought_at: float | None = None
        self._failing = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str) -> Key | None:
        """Return the key of that id, None if the issuer has none. Waits for a fetch where one is needed.

        Raises:
            KeysUnavailable: It isn't known here, and the issuer can't be asked: the key may exist.
        """
        asked = await self._keep_fresh()
        key = self._known(kid)
        if key is None:
            if self._fetching is not None:
                await self._fetch()
            elif not asked and self._over(self._sought_at, REFETCH_SECONDS):
                self._sought_at = self._clock.now()
                await self._fetch()
            key = self._known(kid)
        if key is None and (self._failing or self._keys is None):
            raise KeysUnavailable(self._retry_after())
        return key

    async def _keep_fresh(self) -> bool:
        """Fetch what is missing or old; tell whether the issuer has been asked just now.

        Only a request without any keys, or the first after they got old, waits. While the issuer is away the old
        set serves at once, and the tries run beside the requests.
        """
        if self._keys is None:
            if self._fetching is None and not self._over(self._tried_at, FIRST_RETRY_SECONDS):
                return True
            await self._fetch()
            return True
        if not self._over(self._fetched_at, FRESH_SECONDS):
            return False
        if not self._failing:
            await self._fetch()
            return True
        if self._over(self._tried_at, REFETCH_SECONDS):
            self._start()
        return False

    def _known(self, kid: str) -> Key | None:
        return None if self._keys is None else self._keys.get(kid)

    def _over(self, since: float | None, seconds: float) -> bool:
        """Whether that much time has passed. A clock that was set back counts as passed."""
        return since is None or not 0 <= self._clock.now() - since < seconds

    def _retry_after(self) -> int:
        last, period = (
            (self._tried_at, FIRST_RETRY_SECONDS) if self._keys is None else (self._sought_at, REFETCH_SECONDS)
        )
        left = period if last is None else last + period - self._clock.now()
        return max(1, math.ceil(left))

    async def _fetch(self) -> None:
        """Wait for the fetch that runs, or for a new one. One caller giving up doesn't end it for the others."""
        await asyncio.shield(self._start())

    def _start(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried_at = self._clock.now()
            self._fetching = asyncio.create_task(self._refresh(), name="scaikey keys")
        return self._fetching

    async def _refresh(self) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                keys = await asyncio.to_thread(read, await self._download())
        except Exception as error:  # whatever comes from outside, the last good set stays
            if not self._failing:
                reason = str(error) if isinstance(error, Refused) else type(error).__name__
                kept = "there are none yet" if self._keys is None else "the last good ones stay in use"
                log.warning("ScaiKey's keys can't be fetched, %s: %s", kept, reason, extra={"url": self._url})
            self._failing = True
        else:
            if self._failing:
                log.info("ScaiKey's keys can be fetched again", extra={"url": self._url})
            self._failing = False
            self._keys = keys
            self._fetched_at = self._clock.now()
        finally:
            self._fetching = None

    async def _download(self) -> bytes:
        # A client of its own each time needs no closing at shutdown. Making one reads the certificates of the
        # system, some 50 ms, so it is made in a thread. Proxies and certificates come from the usual variables.
        client = await asyncio.to_thread(
            httpx.AsyncClient,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=self._deadline,
            follow_redirects=False,
        )
        async with client, client.stream("GET", self._url) as response:
            if response.status_code != 200:
                raise Refused(f"the answer has status {response.status_code}")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Refused("the answer is compressed, which was not asked for")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise Refused(f"the answer is larger than {MAX_BYTES} bytes")
            return bytes(body)


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


_set = msgspec.json.Decoder(_Set)


def read(body: bytes) -> dict[str, Key]:
    """Return the usable keys of a JWK set by their ids. Pure.

    Keys of other types, curves, sizes and uses are passed over (RFC 7517 section 5), and so are keys without an id.

    Raises:
        Refused: It is no key set, holds private keys, two keys with one id, or no usable key.
    """
    try:
        jwks = parse(body, _set).keys
    except msgspec.DecodeError:
        raise Refused("the answer is no key set") from None
    if any(PRIVATE & jwk.keys() for jwk in jwks):
        raise Refused("the key set holds private keys")
    keys: dict[str, Key] = {}
    for jwk in jwks:
        key = _public(jwk)
        if key is None:
            continue
        if jwk["kid"] in keys:
            raise Refused("the key set has two keys with the same id")
        keys[jwk["kid"]] = key
    if not keys:
        raise Refused("the key set has no key for RS256 or ES256")
    return keys


def _public(jwk: Mapping[str, Any]) -> Key | None:
    operations = jwk.get("key_ops")
    if not isinstance(jwk.get("kid"), str) or jwk.get("use") not in (None, "sig"):
        return None
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return None
    try:
        match jwk.get("kty"), jwk.get("alg"):
            case "RSA", None | "RS256" if _bits(jwk["n"]) in RSA_BITS:
                rsa = {"kty": "RSA", "n": jwk["n"], "e": jwk["e"], "alg": "RS256"}
                return Key("RS256", RSAKey.import_key(rsa))
            case "EC", None | "ES256" if jwk["crv"] == "P-256":
                point = {"kty": "EC", "crv": "P-256", "x": jwk["x"], "y": jwk["y"], "alg": "ES256"}
                return Key("ES256", ECKey.import_key(point))
    except Exception:  # noqa: S110 - what can't be imported is no key; the libraries raise errors of many kinds
        pass
    return None


def _bits(number: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(number + "=="), "big").bit_length()
