"""Import of the services that chap-core 2.x keeps in its Redis.

Each is the text `service:{id}`: a JSON object with the members of an element of GET /v2/services. Source:
chap_core/rest_api/services/orchestrator.py of chap-core 2.5.1. Only reading commands are used.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from gateway_chap import chap_core_url, translate
from registry_gateway.adapter import Actor, Invalid, Unreachable, decode_errors, importing

if TYPE_CHECKING:
    from redis.asyncio import Redis

SECONDS = 60.0
"""Seconds that reading everything may take."""

KEYS_AT_ONCE = 500
"""Keys that are read at a time."""

MOST_VALUE_BYTES = 2**20
"""Most bytes of a service."""

MOST_BYTES = 256 * 2**20
"""Most bytes that are read, of all services together."""

_PREFIX = b"service:"
_WRONG = "it is not a text, and chap-core can't read it either"
_LONG = f"it is longer than {MOST_VALUE_BYTES} bytes"


def check(url: str) -> None:
    """Check the URL of chap-core's Redis.

    Raises:
        ValueError: It is none, or names a database in which chap-core has no services.
    """
    chap_core_url.parsed(url)
    problem = chap_core_url.problem(url)
    if problem is not None:
        raise ValueError(f"it {problem}: write /{chap_core_url.DATABASE} at its end")


async def listing(url: str, password: str | None, ttl: float, actor: Actor) -> importing.Listing:
    """Return the services in a Redis. Their leases have `ttl` seconds. `password` is used if the URL has none.

    Raises:
        Unreachable: It can't be read. The message is the reason in one line.
        NotAListing: There are too many services.
    """
    try:  # here, because the client of Redis is an optional dependency
        from gateway_chap.chap_core_redis import Unusable, connected, failures
    except ImportError as error:
        raise Unreachable(f"the package {error.name} is missing: install registry-gateway[chap-core]") from None
    try:
        async with asyncio.timeout(SECONDS), connected(_with_password(url, password)) as redis:
            with failures():
                found = await _read(redis.client)
    except TimeoutError:
        raise Unreachable(f"it takes longer than {SECONDS:g} s") from None
    except Unusable as error:
        raise Unreachable(str(error)) from None
    services: list[importing.Foreign] = []
    refused: list[tuple[str, str]] = []
    for name, value in sorted(found.items()):
        try:
            services.append(_service(name, value, ttl, actor))
        except decode_errors.REFUSED as error:
            refused.append((name, importing.flaw(error)))
    return importing.Listing(services, refused)


def _with_password(url: str, password: str | None) -> str:
    parts = urlsplit(url)
    if password is None or parts.password is not None:
        return url
    user = quote(parts.username or "", safe="")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{parts.netloc.rpartition('@')[2]}").geturl()


def _service(name: str, value: bytes | str, ttl: float, actor: Actor) -> importing.Foreign:
    """Return a service. A `value` that is a str is the reason why there is none."""
    if isinstance(value, str):
        raise Invalid("value_error", (), value)
    command = translate.register(value, ttl, actor)
    if command.key != name:
        raise Invalid("value_error", (), f"its value is of another service, {command.key}")
    return importing.Foreign(command)


async def _read(client: "Redis") -> dict[str, bytes | str]:
    """Return the values of the services by id; where a value can't be one, the reason as a str."""
    values: dict[str, bytes | str] = {}
    cursor, size = 0, 0
    while True:
        cursor, found = await client.scan(cursor, match=_PREFIX + b"*", count=KEYS_AT_ONCE)
        keys = [key for key in found if isinstance(key, bytes)]  # which all are
        lengths = dict(zip(keys, await _each(client, "STRLEN", keys), strict=True))
        short = [key for key, length in lengths.items() if isinstance(length, int) and length <= MOST_VALUE_BYTES]
        size += sum(lengths[key] for key in short)
        if len(values) + len(keys) > importing.MOST_SERVICES or size > MOST_BYTES:
            raise importing.NotAListing(
                f"it has more than {importing.MOST_SERVICES} services or {MOST_BYTES >> 20} MiB of them"
            )
        texts = dict(zip(short, await _each(client, "GET", short), strict=True))
        for key, length in lengths.items():
            value = texts.get(key, length)
            if value is not None:  # else it has expired since
                values[key.removeprefix(_PREFIX).decode("utf-8", "replace")] = _value(value)
        if cursor == 0:
            return values


def _value(answer: bytes | int | Exception) -> bytes | str:
    """Return a value, or why there is none, given the answer to GET, or to STRLEN if that was enough."""
    if isinstance(answer, bytes):
        return answer
    return _LONG if isinstance(answer, int) else _WRONG


async def _each(client: "Redis", command: str, keys: Sequence[bytes]) -> list[Any]:
    """Return the answers to a command for each key. An error of one key is its answer."""
    if not keys:
        return []
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.execute_command(command, key)
    answers: list[Any] = await pipeline.execute(raise_on_error=False)
    return answers
