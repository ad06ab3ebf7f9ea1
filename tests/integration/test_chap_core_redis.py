"""Changes to chap-core's Redis that meet, come late, or find another program's value; on a real Redis."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
import trustme

from gateway_chap.chap_core_redis import BOOK, MOST_AGE_MS, ChapCoreRedis, Late, Unusable, connected
from gateway_chap.mirror_plan import Placed
from tests.e2e.gateway import unused_port
from tests.e2e.redis_server import PASSWORD, RedisServer, needs_redis, running_redis

pytestmark = [needs_redis, pytest.mark.anyio]

TIMES = ',"registered_at":"2027-01-15T08:00:00+00:00","last_updated":"{0}","last_ping_at":"{0}","expires_at":"{1}"}}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that runs throughout the module."""
    with running_redis(tmp_path_factory.mktemp("redis")) as found:
        yield found


@asynccontextmanager
async def emptied(server: RedisServer) -> AsyncIterator[tuple[ChapCoreRedis, int]]:
    """The Redis without a key, and its time."""
    server.client.flushall()
    async with connected(server.url) as redis:
        yield redis, await redis.time()


def times(ping: str = "ping") -> bytes:
    """The end of a value."""
    return TIMES.format(ping, "end").encode()


def service(deadline: int, registration: str = "r1", *, id_: str = "a", ping: str = "ping") -> Placed:
    """A service as it is put; `registration` is also its url."""
    document = {"id": id_, "url": registration, "info": {"registered_at": "x", "empty": []}}
    head = json.dumps(document, separators=(",", ":"))
    return Placed(id_, deadline, registration, head[:-1].encode() + times(ping))


def prolonging(deadline: int, registration: str = "r1", *, id_: str = "a") -> Placed:
    """What prolongs it."""
    return Placed(id_, deadline, registration, times("later"))


async def test_a_service_is_put_prolonged_and_removed(server: RedisServer) -> None:
    async with emptied(server) as (redis, now):
        assert await redis.remaining([("a", "r1")]) == [-3]
        await redis.put(now, [service(now + 5_000), service(now + 6_000, id_="b")])
        assert 0 < server.left("a") <= 5_000
        assert await redis.prolong(now, [prolonging(now + 9_000), prolonging(now + 9_000, id_="c")]) == ["c"]
        assert 5_000 < server.left("a") <= 9_000
        value = json.loads(server.value("a"))
        assert value["info"] == {"registered_at": "x", "empty": []}
        assert (value["last_ping_at"], value["registered_at"]) == ("later", "2027-01-15T08:00:00+00:00")
        left, other, absent = await redis.remaining([("a", "r1"), ("b", "r2"), ("c", "r1")])
        assert 5_000 < left <= 9_000
        assert (other, absent) == (-3, -3)
        await redis.remove(now, ["a", "c"])
        assert server.client.exists("service:a") == 0
        assert server.client.hkeys(BOOK) == [b"b"]


async def test_a_deadline_that_has_passed_is_not_written(server: RedisServer) -> None:
    async with emptied(server) as (redis, now):
        await redis.put(now, [service(now - 1)])
        assert server.value("a") is None


async def test_data_that_were_read_earlier_replace_nothing(server: RedisServer) -> None:
    async with emptied(server) as (redis, now):
        await redis.put(now, [service(now + 5_000, "new")])
        await redis.put(now - 10, [service(now + 20_000, "old")])
        assert json.loads(server.value("a"))["url"] == "new"
        assert server.left("a") <= 5_000
        assert await redis.prolong(now - 10, [prolonging(now + 20_000, "new")]) == []
        assert server.left("a") <= 5_000
        await redis.remove(now - 10, ["a"])
        assert server.value("a") is not None
        await redis.remove(now, ["a"])
        await redis.put(now - 10, [service(now + 20_000, "old")])
        assert server.value("a") is None
        await redis.put(now + 1, [service(now + 20_000, "newest")])
        assert json.loads(server.value("a"))["url"] == "newest"


async def test_a_change_that_comes_too_late_is_refused(server: RedisServer) -> None:
    async with emptied(server) as (redis, now):
        old = now - MOST_AGE_MS - 1
        for change in (redis.put(old, [service(now + 5_000)]), redis.remove(old, ["a"]), redis.prolong(old, [])):
            with pytest.raises(Late):
                await change
        assert server.keys() == {}


async def test_after_a_step_of_redis_clock_back_changes_apply(server: RedisServer) -> None:
    async with emptied(server) as (redis, now):
        await redis.put(now, [service(now + 5_000)])
        found = server.client.hget(BOOK, "a")
        assert isinstance(found, bytes)
        read_at, rest = found.decode().split(" ", 1)
        server.client.hset(BOOK, "a", f"{int(read_at) + 3_600_000} {rest}")
        await redis.put(now, [service(now + 9_000, "r2")])
        assert json.loads(server.value("a"))["url"] == "r2"


async def test_what_another_program_wrote_is_replaced_and_never_deleted(server: RedisServer) -> None:
    async with emptied(server) as (redis, now):
        await redis.put(now, [service(now + 5_000), service(now + 5_000, id_="b")])
        theirs = server.value("a").replace(b'"ping"', b'"pong"')
        server.client.set("service:a", theirs, ex=30)
        server.client.delete("service:b")
        server.client.hset("service:b", "other", "type")
        server.client.set("service:c", theirs, ex=30)
        assert await redis.remaining([("a", "r1"), ("b", "r1")]) == [-3, -3]
        assert await redis.prolong(now, [prolonging(now + 9_000), prolonging(now + 9_000, id_="b")]) == ["a", "b"]
        stored = await redis.stored()
        assert {name: (one.value, one.own) for name, one in stored.items()} == {
            "a": (theirs, False),
            "b": (None, False),
            "c": (theirs, False),
        }
        await redis.remove(now, ["a", "b", "c"])
        assert server.value("a") == theirs
        assert server.client.exists("service:b", "service:c") == 2
        await redis.put(now + 1, [service(now + 5_000), service(now + 5_000, id_="b")])
        assert json.loads(server.value("b"))["url"] == "r1"
        assert (await redis.stored())["a"].own


async def test_what_expired_while_no_gateway_ran_is_forgotten(server: RedisServer) -> None:
    async with emptied(server) as (redis, now):
        await redis.put(now, [service(now + 30), service(now + 5_000, id_="b")])
        await anyio.sleep(0.1)
        await redis.prune()
        assert server.client.hkeys(BOOK) == [b"b"]


async def test_gateways_that_race_leave_the_latest_read(server: RedisServer) -> None:
    async with emptied(server) as (redis, now), connected(server.url) as other:

        async def put(connection: ChapCoreRedis, numbers: range) -> None:
            for number in numbers:
                later = 10 + (number * 7919) % 200
                await connection.put(now + later, [service(now + 1_000 * later, f"r{later}")])

        async with anyio.create_task_group() as group:
            for first in range(10):
                group.start_soon(put, redis if first % 2 else other, range(first, 200, 10))
        assert json.loads(server.value("a"))["url"] == "r209"


@pytest.mark.parametrize(
    "url", ["redis://:wrong@127.0.0.1:{port}/3", "redis://127.0.0.1:1/3", "rediss://127.0.0.1:{port}/3"]
)
async def test_a_redis_that_refuses_is_one_line_without_the_password(server: RedisServer, url: str) -> None:
    async with connected(url.format(port=server.port)) as redis:
        with pytest.raises(Unusable) as raised:
            await redis.time()
    assert "wrong@" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_over_tls_the_certificate_is_checked(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    port = unused_port()
    files = ["--tls-cert-file", str(tmp_path / "cert.pem"), "--tls-key-file", str(tmp_path / "key.pem")]
    with running_redis(tmp_path, "--tls-port", str(port), *files, "--tls-auth-clients", "no"):
        url = f"rediss://:{PASSWORD}@127.0.0.1:{port}/3"
        async with connected(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}") as redis:
            await redis.put(await redis.time(), [service(await redis.time() + 5_000)])
            assert (await redis.stored())["a"].own
        async with connected(url) as redis:
            with pytest.raises(Unusable):
                await redis.time()


async def test_a_user_of_redis_that_may_do_no_more_than_the_documentation_says(server: RedisServer) -> None:
    page = (Path(__file__).parents[2] / "docs" / "wire" / "chap.md").read_text()
    rules = page.partition("`ACL SETUSER gateway on >PASSWORD ")[2].partition("`")[0].split()
    server.client.execute_command("ACL", "SETUSER", "gateway", "on", ">secret", *rules)  # type: ignore[no-untyped-call] # it has no types
    async with connected(f"redis://gateway:secret@127.0.0.1:{server.port}/3") as redis:
        now = await redis.time()
        await redis.prune()
        await redis.put(now, [service(now + 5_000)])
        assert await redis.prolong(now, [prolonging(now + 9_000)]) == []
        assert await redis.remaining([("a", "r1")]) != [-3]
        assert await redis.has("a")
        assert (await redis.stored())["a"].own
        await redis.remove(now, ["a"])
