"""An issuer's public keys: fetched in the background of requests, checked, and kept while the issuer is away.

A key is bound to one algorithm when it comes in, so a token can't choose another for it. The last good set stays
until a better one has been read in full.
"""

import asyncio
import base64
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

import httpx
import msgspec
from joserfc.jwk import ECKey, RSAKey

from gateway_scaicontrol.auth import KeysUnavailable
from registry_gateway.adapter import parse

FRESH_SECONDS = 3600.0
"""How long a set is used before it is fetched again."""

REFETCH_SECONDS = 60.0
"""Least time between two fetches for the sake of unknown key ids, and between two tries while there is an old set."""

FIRST_RETRY_SECONDS = 10.0
"""Least time between two tries while there is no set at all."""

DEADLINE_SECONDS = 5.0
"""Longest a fetch may take, from the name look-up to the last byte."""

ORDER_SECONDS = 10.0
"""Most seconds by which a request may have been received before another that came first to be looked at."""

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

    def __init__(self, url: str, deadline: float = DEADLINE_SECONDS) -> None:
        """Take the URL (http or https), and the seconds a fetch may take. Nothing is fetched before `opened`."""
        self._url = url
        self._deadline = deadline
        self._client: httpx.AsyncClient | None = None
        self._keys: dict[str, Key] | None = None
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._sought_at: float | None = None
        self._failing = False
        self._fetching: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have a client for HTTP for as long as the context is open. A fetch that runs at its end is given up."""
        # Making one reads the certificates of the system, some 50 ms, so it is made in a thread. Proxies and
        # certificates come from the usual variables. No connection is kept: the next fetch is in an hour.
        client = await asyncio.to_thread(
            httpx.AsyncClient,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=self._deadline,
            limits=httpx.Limits(max_keepalive_connections=0),
            follow_redirects=False,
        )
        async with client:
            self._client = client
            try:
                yield
            finally:
                self._client = None
                if self._fetching is not None:
                    self._fetching.cancel()
                    await asyncio.wait([self._fetching])

    async def find(self, kid: str, now: float) -> Key | None:
        """Return the key of that id, None if the issuer has none. Waits for a fetch where one is needed.

        `now` is when the request was received that asks for it, in epoch seconds.

        Raises:
            KeysUnavailable: It isn't known here, and the issuer can't be asked: the key may exist.
        """
        asked = await self._keep_fresh(now)
        key = self._known(kid)
        if key is None:
            if self._fetching is not None:
                await self._fetch(now)
            elif not asked and _over(self._sought_at, REFETCH_SECONDS, now):
                self._sought_at = now
                await self._fetch(now)
            key = self._known(kid)
        if key is None and (self._failing or self._keys is None):
            raise KeysUnavailable(self._retry_after(now))
        return key

    async def _keep_fresh(self, now: float) -> bool:
        """Fetch what is missing or old; tell whether the issuer has been asked just now.

        Only a request without any keys, or the first after they got old, waits. While the issuer is away the old
        set serves at once, and the tries run beside the requests.
        """
        if self._keys is None:
            if self._fetching is None and not _over(self._tried_at, FIRST_RETRY_SECONDS, now):
                return True
            await self._fetch(now)
            return True
        if not _over(self._fetched_at, FRESH_SECONDS, now):
            return False
        if not self._failing:
            await self._fetch(now)
            return True
        if _over(self._tried_at, REFETCH_SECONDS, now):
            self._start(now)
        return False

    def _known(self, kid: str) -> Key | None:
        return None if self._keys is None else self._keys.get(kid)

    def _retry_after(self, now: float) -> int:
        last, period = (
            (self._tried_at, FIRST_RETRY_SECONDS) if self._keys is None else (self._sought_at, REFETCH_SECONDS)
        )
        left = period if last is None else last + period - now
        return max(1, math.ceil(left))

    async def _fetch(self, now: float) -> None:
        """Wait for the fetch that runs, or for a new one. One caller giving up doesn't end it for the others."""
        await asyncio.shield(self._start(now))

    def _start(self, now: float) -> asyncio.Task[None]:
        if self._fetching is None:
            self._tried_at = now
            self._fetching = asyncio.create_task(self._refresh(now), name="scaikey keys")
        return self._fetching

    async def _refresh(self, asked_at: float) -> None:
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
            self._fetched_at = asked_at
        finally:
            self._fetching = None

    async def _download(self) -> bytes:
        if self._client is None:
            raise Refused("the gateway stops")
        async with self._client.stream("GET", self._url) as response:
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


def _over(since: float | None, seconds: float, now: float) -> bool:
    """Tell whether that much time has passed at `now`. A clock that was set back counts as passed."""
    return since is None or not -ORDER_SECONDS <= now - since < seconds


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
