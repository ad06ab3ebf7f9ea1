"""An issuer's public keys: fetched when requests need them, validated, and kept while the issuer is unreachable.

Each key is bound to one algorithm when it is read, so a token can't select another. The last valid set is used until
another has been read completely.
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
from registry_gateway.adapter import client_tls, parse

FRESH_SECONDS = 3600.0
"""Seconds for which a set is used before it is fetched again."""

REFETCH_SECONDS = 60.0
"""Least seconds between two fetches because of unknown key ids, and between two attempts while there is an old set."""

FIRST_RETRY_SECONDS = 10.0
"""Least seconds between two attempts while there is no set."""

DEADLINE_SECONDS = 5.0
"""Seconds that a fetch may take, from the name look-up to the last byte."""

ORDER_SECONDS = 10.0
"""Most seconds by which requests may be processed out of the order of their receipt."""

MAX_BYTES = 131_072
"""Largest key set that is read, in bytes. A hundred RSA keys fit."""

RSA_BITS = range(2048, 4097)
"""Accepted sizes of RSA keys: the minimum of RFC 7518, section 3.3, and a maximum for fast verification."""

PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that belong to private or symmetric keys (RFC 7518, section 6)."""

log = logging.getLogger("registry_gateway.scaikey")


class Key(msgspec.Struct, frozen=True):
    """A public key and its algorithm."""

    alg: Literal["RS256", "ES256"]
    jwk: RSAKey | ECKey


class Refused(Exception):
    """The answer is not an acceptable key set. The message does not repeat any of it."""


class Keys:
    """The key set at a URL."""

    def __init__(self, url: str, deadline: float = DEADLINE_SECONDS) -> None:
        """Use the set at `url` (http or https). A fetch may take `deadline` seconds. `opened` enables fetches."""
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
        """Keep an HTTP client open during the context. A fetch that runs at its end is cancelled."""
        # Proxies and certificates come from the usual variables. To read the certificates takes some 20 ms, so a thread
        # does it. Connections are not kept, since the next fetch is in an hour.
        client = httpx.AsyncClient(
            verify=await asyncio.to_thread(client_tls),
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
        """Return the key with that id, None if the issuer has none. Waits for a fetch if one is necessary.

        `now` is the time at which the request was received, in epoch seconds.

        Raises:
            KeysUnavailable: The key is unknown and may exist, but the issuer can't be reached.
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
        """Fetch a missing or old set; return whether the issuer has just been asked.

        A request waits only if there are no keys, or if it is the first after they became old. While the issuer is
        unreachable, the old set is used without waiting, and attempts run in the background.
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
        """Wait for the running fetch or a new one. Cancelling one caller does not cancel it for the others."""
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
        except Exception as error:  # on any error from outside, the last valid set stays in use
            if not self._failing:
                reason = str(error) if isinstance(error, Refused) else type(error).__name__
                kept = "there are none yet" if self._keys is None else "the last valid ones stay in use"
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
    """Return whether `seconds` have passed at `now`. If the clock was set back, they count as passed."""
    return since is None or not -ORDER_SECONDS <= now - since < seconds


class _Set(msgspec.Struct):
    keys: list[dict[str, Any]]


_set = msgspec.json.Decoder(_Set)


def read(body: bytes) -> dict[str, Key]:
    """Return the usable keys of a JWK set by their ids. Pure.

    Keys of other types, curves, sizes and uses are ignored (RFC 7517, section 5), and so are keys without an id.

    Raises:
        Refused: It is not a key set, or contains private keys, two keys with the same id, or no usable key.
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
    except Exception:  # noqa: S110 - a key that can't be imported is ignored; the libraries raise many kinds of errors
        pass
    return None


def _bits(number: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(number + "=="), "big").bit_length()
