"""Import of the services that chap-core 2 keeps in its Redis.

Each is the text `service:{id}` in database 3: a JSON object with the members of an element of GET /v2/services.
Source: chap_core/rest_api/services/orchestrator.py of chap-core 2.5.1.
"""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from gateway_chap import translate
from registry_gateway.adapter import Actor, Invalid, Unreachable, decode_errors, importing

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = "service:"
"""The start of chap-core's keys."""

SECONDS = 60.0
"""Seconds that reading everything may take."""

PATIENCE = 10.0
"""Seconds that a connection and each answer may take."""

AT_ONCE = 500
"""Keys that are read at a time."""

MOST = 2**20
"""Most bytes of a service."""

MOST_BYTES = 256 * 2**20
"""Most bytes that are read, of all services together."""

_WRONG = "it is not a text, and chap-core can't read it either"
_LONG = f"it is longer than {MOST} bytes"
_FORM = "must be redis://[USER:PASSWORD@]HOST[:PORT]/3, or rediss:// for TLS; 3 is chap-core's database"


def check(url: str) -> None:
    """Check the URL of a Redis.

    Raises:
        ValueError: It is none, or names no database.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
        database = unquote(parts.path).removeprefix("/")
    except ValueError:
        raise ValueError(_FORM) from None
    if (
        not (good and database.isdecimal() and database.isascii() and url.isprintable())
        or parts.query
        or parts.fragment
    ):
        raise ValueError(_FORM)


async def listing(url: str, password: str | None, ttl: float, actor: Actor) -> importing.Listing:
    """Return the services in a Redis. Their leases have `ttl` seconds.

    Raises:
        Unreachable: It can't be read. The message is the reason in one line.
        NotAListing: There are too many services.
    """
    try:
        async with asyncio.timeout(SECONDS):
            found = await _values(url, password)
    except TimeoutError:
        raise Unreachable(f"it takes longer than {SECONDS:g} s") from None
    services: list[importing.Foreign] = []
    refused: list[tuple[str, str]] = []
    for key, value in sorted(found.items()):
        try:
            services.append(_service(key, value, ttl, actor))
        except decode_errors.REFUSED as error:
            refused.append((key.removeprefix(PREFIX), importing.flaw(error)))
    return importing.Listing(services, refused)


def _service(key: str, value: bytes | str, ttl: float, actor: Actor) -> importing.Foreign:
    """Return a service. A `value` that is a str is the reason why there is none."""
    if isinstance(value, str):
        raise Invalid("value_error", (), value)
    command = translate.register(value, ttl, actor)
    if PREFIX + command.key != key:
        raise Invalid("value_error", (), f"its value is of another service, {command.key}")
    return importing.Foreign(command)


async def _values(url: str, password: str | None) -> dict[str, bytes | str]:
    """Return the values of the services by key; where a value can't be one, the reason as a str."""
    try:  # here, because the client is an optional dependency
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import AuthenticationError, RedisError
    except ImportError:
        raise Unreachable("the client of Redis is not installed: pip install 'registry-gateway[chap-core]'") from None
    client = Redis.from_url(
        url,
        password=password,  # that of the URL wins
        protocol=2,  # every Redis and Valkey has it
        retry=Retry(NoBackoff(), 0),
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
    )
    try:
        return await _read(client)
    except AuthenticationError as error:
        raise Unreachable(f"{error} Give its password, with --key or in the URL") from None
    except (RedisError, OSError, TimeoutError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unreachable(reason) from None
    finally:
        await client.aclose()


async def _read(client: "Redis") -> dict[str, bytes | str]:
    values: dict[str, bytes | str] = {}
    cursor, size = 0, 0
    while True:
        cursor, found = await client.scan(cursor, match=f"{PREFIX}*", count=AT_ONCE)
        keys = [key for key in found if isinstance(key, bytes)]  # which all are
        lengths = dict(zip(keys, await _each(client, "STRLEN", keys), strict=True))
        short = [key for key, length in lengths.items() if isinstance(length, int) and length <= MOST]
        size += sum(lengths[key] for key in short)
        if len(values) + len(keys) > importing.MOST_SERVICES or size > MOST_BYTES:
            raise importing.NotAListing(
                f"it has more than {importing.MOST_SERVICES} services or {MOST_BYTES >> 20} MiB of them"
            )
        texts = dict(zip(short, await _each(client, "GET", short), strict=True))
        for key, length in lengths.items():
            value = texts.get(key, length)
            if value is not None:  # else it has expired since
                values[key.decode("utf-8", "replace")] = _value(value)
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
