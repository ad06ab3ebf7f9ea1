"""chap-core's Redis: the services that the gateway has written there, and guarded changes to them.

Each service is the string `service:{id}`; while it exists, the service is live for chap-core. Beside these a hash,
`BOOK`, has for each service that the gateway wrote: when its data was read, when it expires, which registration it is
of, and the SHA-1 of the value. A value that another program has written has another SHA-1, and is never deleted.

All times are milliseconds of Redis' own clock. A change carries the time just before its data was read from the
registry; Redis does not apply it if later data was written already, or after `MOST_AGE_MS`. So a change that was
delayed, in a gateway or by a Redis that hung, replaces nothing newer. Expiries are absolute for the same reason.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway_chap.mirror_plan import Placed, Stored

PREFIX = "service:"
"""The start of chap-core's keys. It reads every key that starts so as a service."""

BOOK = "registry-gateway:chap-core"
ENDED = "registry-gateway:chap-core:ended:"
"""The gateway's own keys: the hash, and one short-lived key for each service it has removed lately."""

MOST_AGE_MS = 30_000
"""Milliseconds after the read of its data in which a change may be applied."""

KEPT_MS = 86_400_000
"""Milliseconds without a change after which `BOOK` expires."""

MOST_READ = 20_000
"""Most services that `stored` returns."""

WITHIN = 2.0
"""Seconds for a connection and for each answer of Redis."""


class Unusable(Exception):
    """Redis is unreachable, refuses, or does not answer in time. The message is one line."""


class Late(Exception):
    """Redis received a change more than `MOST_AGE_MS` after the read of its data, and did not apply it."""


_BEGIN = """
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function known(id)
  local entry = redis.call('HGET', KEYS[1], id)
  if not entry then return 0 end
  local read_at, deadline, registration, hash = string.match(entry, '^(%d+) (%d+) (%S+) (%x+)$')
  return tonumber(read_at), tonumber(deadline), registration, hash
end
local function own(key, hash)
  local value = redis.call('TYPE', key).ok == 'string' and redis.call('GET', key)
  if value and hash and redis.sha1hex(value) == hash then return value end
end
local function newer(read_at, than, time)
  return read_at > than and read_at <= time + 1000  -- else the clock of Redis was set back
end
"""

_CHANGE = (
    _BEGIN
    + """
local read_at, most_age, kept, ended = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local time = now()
if time - read_at > most_age or read_at > time + 1000 then return -1 end
"""
)

_STATES = (
    _BEGIN
    + """
local states = {}
for i = 2, #KEYS do
  local _, deadline, registration = known(string.sub(KEYS[i], #ARGV[1] + 1))
  local left = -3
  if registration == ARGV[i] then
    left = redis.call('PTTL', KEYS[i])
    if left < 0 or math.abs(now() + left - deadline) > 50 then left = -3 end
  end
  states[i - 1] = left
end
return states
"""
)

_WRITE = """
local function write(key, id, deadline, registration, value)
  redis.call('SET', key, value)
  redis.call('PEXPIREAT', key, deadline)
  redis.call('HSET', KEYS[1], id, string.format('%s %s %s %s', ARGV[1], deadline, registration, redis.sha1hex(value)))
end
"""

_PUT = (
    _CHANGE
    + _WRITE
    + """
for i = 2, #KEYS do
  local at = 4 + (i - 2) * 4
  local id, deadline, registration, value = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local before = known(id)
  local gone = tonumber(redis.call('GET', ended .. id) or 0)
  if tonumber(deadline) > time and not newer(before, read_at, time) and not newer(gone, read_at, time) then
    write(KEYS[i], id, deadline, registration, value)
  end
end
redis.call('PEXPIRE', KEYS[1], kept)
return 0
"""
)

_PROLONG = (
    _CHANGE
    + _WRITE
    + """
local missing = {}
for i = 2, #KEYS do
  local at = 4 + (i - 2) * 4
  local id, deadline, registration, times = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local before, _, of, hash = known(id)
  local value = of == registration and own(KEYS[i], hash)
  local head = value and string.match(value, '^(.*),"registered_at":"[^"]*","last_updated":"[^"]*",'
    .. '"last_ping_at":"[^"]*","expires_at":"[^"]*"}$')
  if not head then
    missing[#missing + 1] = i - 1
  elseif tonumber(deadline) > time and not newer(before, read_at, time) then
    write(KEYS[i], id, deadline, registration, head .. times)
  end
end
redis.call('PEXPIRE', KEYS[1], kept)
return missing
"""
)

_REMOVE = (
    _CHANGE
    + """
for i = 2, #KEYS do
  local id = ARGV[4 + i - 1]
  local before, _, _, hash = known(id)
  if not newer(before, read_at, time) then
    if own(KEYS[i], hash) then redis.call('DEL', KEYS[i]) end
    redis.call('HDEL', KEYS[1], id)
    redis.call('SET', ended .. id, ARGV[1], 'PX', most_age)
  end
end
return 0
"""
)

_READ = (
    _BEGIN
    + """
local kind = redis.call('TYPE', KEYS[2]).ok
local _, _, _, hash = known(ARGV[1])
local value = kind == 'string' and redis.call('GET', KEYS[2]) or ''
return {kind, value, redis.call('PTTL', KEYS[2]), own(KEYS[2], hash) and 1 or 0}
"""
)

_PRUNE = """
for _, id in ipairs(redis.call('HKEYS', KEYS[1])) do
  if redis.call('EXISTS', ARGV[1] .. id) == 0 then redis.call('HDEL', KEYS[1], id) end
end
return 0
"""


class ChapCoreRedis:
    """A connection to chap-core's Redis. Its methods raise `Unusable`; changes also raise `Late`."""

    def __init__(self, client: Redis) -> None:
        """Connect at the first command."""
        self.client = client
        self._states = client.register_script(_STATES)
        self._prune = client.register_script(_PRUNE)
        self._read = client.register_script(_READ)
        self._put = client.register_script(_PUT)
        self._prolong = client.register_script(_PROLONG)
        self._remove = client.register_script(_REMOVE)

    async def time(self) -> int:
        """Return Redis' time. Read from the registry after this, and pass it with the change as `read_at`."""
        with failures():
            seconds, microseconds = await self.client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def prune(self) -> None:
        """Remove the entries of services from `BOOK` that have expired while no gateway ran."""
        with failures():
            await self._prune([BOOK], [PREFIX])

    async def remaining(self, registrations: Sequence[tuple[str, str]]) -> list[int]:
        """Return the milliseconds that each service (id, registration) still has, negative if it has to be put.

        That is so if it is absent, of another registration, or was changed by another program.
        """
        keys = [BOOK, *(PREFIX + name for name, _ in registrations)]
        with failures():
            return list(await self._states(keys, [PREFIX, *(registration for _, registration in registrations)]))

    async def stored(self) -> dict[str, Stored]:
        """Return all services, of the gateways and of others, by id; at most `MOST_READ`."""
        found: dict[str, Stored] = {}
        with failures():
            async for key in self.client.scan_iter(f"{PREFIX}*", count=1000):
                name = key.decode(errors="replace").removeprefix(PREFIX)
                kind, value, left, own = await self._read([BOOK, key], [key[len(PREFIX) :]])
                if kind != b"none":
                    found[name] = Stored(value if kind == b"string" else None, left, bool(own))
                if len(found) == MOST_READ:
                    break
        return found

    async def has(self, id_: str) -> bool:
        """Tell whether a gateway has written a service and it has not expired."""
        with failures():
            _, _, left, own = await self._read([BOOK, PREFIX + id_], [id_])
        return bool(own) and left > 0

    async def put(self, read_at: int, services: Sequence[Placed]) -> None:
        """Write services, also over keys of other programs."""
        await self._change(self._put, read_at, [one.id for one in services], *services)

    async def prolong(self, read_at: int, services: Sequence[Placed]) -> list[str]:
        """Give services another expiry and other times; return the ids of those that have to be put instead."""
        missing = await self._change(self._prolong, read_at, [one.id for one in services], *services)
        return [services[number - 1].id for number in missing]

    async def remove(self, read_at: int, ids: Sequence[str]) -> None:
        """Delete services that the gateways wrote, unless another program has changed them."""
        await self._change(self._remove, read_at, ids, ids)

    async def _change(self, script: Any, read_at: int, ids: Sequence[str], *arguments: Sequence[Any]) -> Any:
        keys = [BOOK, *(PREFIX + name for name in ids)]
        parts = [part for several in arguments for part in several]
        with failures():
            result = await script(keys, [read_at, MOST_AGE_MS, KEPT_MS, ENDED, *parts])
        if result == -1:
            raise Late
        return result


@contextmanager
def failures() -> Iterator[None]:
    """Turn what the client raises into `Unusable`."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise Unusable(" ".join(str(error).split()) or type(error).__name__) from error


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[ChapCoreRedis]:
    """Yield chap-core's Redis at `url`, and close its connections in the end. A failed command is not repeated."""
    client = Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=WITHIN,
        socket_connect_timeout=WITHIN,
    )
    try:
        yield ChapCoreRedis(client)
    finally:
        await client.aclose()
