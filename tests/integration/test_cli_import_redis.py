"""`registry-gateway import --from chap-redis`: what a chap-core keeps in its Redis."""

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from gateway_chap import chap_core_import, chap_core_redis
from registry_gateway.bulk import importing
from tests.e2e.redis_server import PASSWORD, RedisServer, needs_redis, running_redis
from tests.integration.command_line import command, complaint, output

pytestmark = needs_redis

TIMES = dict.fromkeys(("registered_at", "last_updated", "last_ping_at", "expires_at"), "2026-11-28T05:00:00+00:00")
INFO: dict[str, Any] = {
    "display_name": "My model",
    "version": "1.2",
    "period_type": "monthly",
    "model_metadata": {"author": "Her", "contact_email": None},
    "git_revision": "0123456789abcdef",
    "target": "disease_cases",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(server: RedisServer) -> RedisServer:
    """The same, empty."""
    server.client.flushall()
    return server


def value(key: str, **members: object) -> str:
    """What chap-core keeps of a service."""
    return json.dumps({"id": key, "url": f"http://{key}:8000", "info": {"id": key, **INFO, **members}, **TIMES})


def outcomes(url: str, source: str, *options: str) -> dict[str, tuple[str, str | None]]:
    """What became of each service."""
    result = command(url, "import", "--from", "chap-redis", source, "--json", *options)
    assert result.exit_code in (0, 1), result.output
    services = json.loads(result.stdout)["services"]
    assert result.exit_code == any(service["outcome"] == "refused" for service in services)
    return {service["key"]: (service["outcome"], service["reason"]) for service in services}


def registered(url: str) -> dict[str, Any]:
    """The documents of all that is registered, by key."""
    listed = json.loads(output(url, "services", "list", "--json"))
    shown = (json.loads(output(url, "services", "show", service["key"], "--json")) for service in listed)
    return {service["key"]: service["document"] for service in shown}


def test_what_chap_core_has_is_imported(database_url: str, redis: RedisServer) -> None:
    redis.client.set("service:my-model", value("my-model"), ex=30)
    redis.client.set("service:for-ever", value("for-ever", unknown={"a": [1, None]}))
    redis.client.set("other", "x")
    redis.database(0).set("service:celery", value("celery"))
    before = redis.keys()
    assert outcomes(database_url, redis.url, "--dry-run") == dict.fromkeys(("for-ever", "my-model"), ("imported", None))
    assert registered(database_url) == {}
    said = output(database_url, "import", "--from", "chap-redis", redis.url)
    source = f"redis://127.0.0.1:{redis.port}/3"
    assert said.startswith(f"Imported 2 of 2 that {source} lists.\nWithout heartbeats they lapse in 30 s: ")
    documents = registered(database_url)
    assert set(documents) == {"my-model", "for-ever"}
    assert documents["my-model"]["url"] == "http://my-model:8000"
    assert documents["my-model"]["info"]["git_revision"] == INFO["git_revision"]
    assert documents["for-ever"]["info"]["unknown"] == {"a": [1, None]}
    assert redis.keys() == before  # nothing was written
    events = [json.loads(line) for line in output(database_url, "events", "--json").splitlines()]
    assert {event["actor"] for event in events} == {f"import from 127.0.0.1:{redis.port}"}
    again = outcomes(database_url, redis.url)
    assert again == dict.fromkeys(documents, ("skipped", "it is registered here"))


def test_bad_values_cost_no_other(sqlite_url: str, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chap_core_import, "MOST_VALUE_BYTES", 5_000)
    client = redis.client
    client.set("service:good", value("good"))
    client.set("service:text", "no JSON")
    client.set("service:empty", "")
    client.set("service:array", "[]")
    client.set("service:named", value("another"))
    client.set("service:info", json.dumps({"id": "info", "url": "http://x", **TIMES}))
    client.set("service:Capital", value("Capital"))
    client.set("service:long", value("long", description="x" * 5_000))
    client.set(b"service:\xff", value("x"))
    client.set("service:", value("x"))
    client.hset("service:hash", "a", "b")
    client.rpush("service:list", "a")
    found = outcomes(sqlite_url, redis.url)
    assert found.pop("good") == ("imported", None)
    reasons = {key: reason for key, (outcome, reason) in found.items() if outcome == "refused"}
    assert found.keys() == reasons.keys()
    assert reasons["hash"] == reasons["list"] == "it is not a text, and chap-core can't read it either"
    assert reasons["long"] == "it is longer than 1048576 bytes"
    assert reasons["named"] == "its value is of another service, another"
    assert "JSON" in str(reasons["text"])
    assert len(reasons) == 11
    assert list(registered(sqlite_url)) == ["good"]


def test_many_services(sqlite_url: str, redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    redis.client.mset({f"service:model-{n}": value(f"model-{n}") for n in range(2_000)})
    said = output(sqlite_url, "import", "--from", "chap-redis", redis.url, "--dry-run")
    assert said.startswith("Would import 2000 of 2000 ")
    monkeypatch.setattr(importing, "MOST_SERVICES", 1_999)
    said = complaint(sqlite_url, "import", "--from", "chap-redis", redis.url)
    assert said.endswith("can't be read: it has more than 1999 services or 256 MiB of them")
    monkeypatch.undo()
    monkeypatch.setattr(chap_core_import, "MOST_BYTES", 500_000)
    assert "it has more than 500000 services" in complaint(sqlite_url, "import", "--from", "chap-redis", redis.url)
    assert registered(sqlite_url) == {}


def test_the_password(sqlite_url: str, redis: RedisServer) -> None:
    redis.client.set("service:my-model", value("my-model"))
    bare = f"redis://127.0.0.1:{redis.port}/3"
    for options, environment in (("--key", PASSWORD), {}), ((), {"REGISTRY_IMPORT_KEY": f" {PASSWORD}\n"}):
        result = command(sqlite_url, "import", "--from", "chap-redis", bare, "--dry-run", *options, **environment)
        assert result.exit_code == 0
        assert PASSWORD not in result.output
    assert f"{bare} can't be read: Authentication required." in complaint(
        sqlite_url, "import", "--from", "chap-redis", bare
    )
    wrong = complaint(sqlite_url, "import", "--from", "chap-redis", f"redis://:wr0ng@127.0.0.1:{redis.port}/3")
    assert wrong.startswith(f"{bare} can't be read: ")
    assert "wr0ng" not in wrong


FORM = "must be redis://[USER:PASSWORD@]HOST[:PORT]/3, or rediss:// for TLS"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:{port}/3", FORM),
        ("redis://127.0.0.1:{port}/three", FORM),
        ("redis://127.0.0.1:{port}/3#x", FORM),
        ("redis://127.0.0.1:x/3", FORM),
        ("redis:///3", FORM),
        ("redis://[::1/3", FORM),
        ("unix:///tmp/redis.sock", FORM),
        ("redis://127.0.0.1:{port}", "it names database 0, but chap-core 2.x looks in 3 alone: write /3 at its end"),
        ("redis://127.0.0.1:{port}/3?db=4", "it names database 4, but chap-core 2.x looks in 3 alone"),
    ],
)
def test_urls_that_are_none(sqlite_url: str, url: str, message: str) -> None:
    assert message in complaint(sqlite_url, "import", "--from", "chap-redis", url.format(port=6379))


def test_an_unusable_redis(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = complaint(sqlite_url, "import", "--from", "chap-redis", "redis://:s3cret@127.0.0.1:1/3")
    assert said.startswith("redis://127.0.0.1:1/3 can't be read: ")
    assert "s3cret" not in said
    monkeypatch.setattr(chap_core_redis, "WITHIN", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        said = complaint(sqlite_url, "import", "--from", "chap-redis", f"redis://127.0.0.1:{silent.getsockname()[1]}/3")
    assert "can't be read: Timeout" in said


def test_the_source_before_or_after_its_kind(sqlite_url: str, redis: RedisServer) -> None:
    assert command(sqlite_url, "import", redis.url, "--from", "chap-redis").exit_code == 0
    assert "cannot import from 'redis' (supported: chap, runspec, chap-redis)" in complaint(
        sqlite_url, "import", redis.url, "--from", "redis"
    )


def test_a_redis_that_does_not_speak_tls(sqlite_url: str, redis: RedisServer) -> None:
    said = complaint(sqlite_url, "import", "--from", "chap-redis", redis.url.replace("redis://", "rediss://"))
    assert said.startswith(f"rediss://127.0.0.1:{redis.port}/3 can't be read: ")
