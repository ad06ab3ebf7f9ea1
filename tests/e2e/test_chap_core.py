"""The mirror in chap-core's Redis, seen by chap-core's own `Orchestrator`: real gateways, a real Redis."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from playwright.sync_api import expect

from gateway_chap import chap_core_addresses, chap_core_rules
from tests.e2e import commands
from tests.e2e.browser import Tab, running_browser
from tests.e2e.chap_core import ChapCore, chap_core
from tests.e2e.chap_service import MODEL
from tests.e2e.gateway import CHAP_TTL, Gateway, running_gateway, running_nodes
from tests.e2e.polling import wait_until
from tests.e2e.redis_server import RedisServer, needs_redis, running_redis
from tests.e2e.registrant import Kind, each

pytestmark = needs_redis

SOON = 2.0
"""Seconds within which a change is to be seen by chap-core."""

HEALED = 5.0
"""Seconds within which the mirror has what a Redis lost."""

LONGER = 8.0
LONGER_LEASE = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{LONGER:g}"}
"""For gateways that crash or halt: on a busy machine a start takes some seconds."""

INFO: dict[str, Any] = {
    "display_name": "My model",
    "version": "1.2.3",
    "period_type": "monthly",
    "model_metadata": {"author": "A", "contact_email": "a@example.org"},
    "required_covariates": [],
    "git_revision": "0123456789abcdef0123456789abcdef01234567",
}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that runs throughout the module."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def consumer(redis: RedisServer) -> Iterator[ChapCore]:
    """chap-core on it."""
    with chap_core(redis) as found:
        yield found


def settings(server: RedisServer, **others: str) -> dict[str, str]:
    """The settings of a gateway that mirrors."""
    return {"REGISTRY_GATEWAY_CHAP_REDIS_URL": server.url, **others}


@pytest.fixture
def gateway(redis: RedisServer, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that mirrors to an empty Redis."""
    redis.client.flushall()
    with running_gateway(tmp_path, settings(redis)) as found:
        yield found


def register(gateway: Gateway, id_: str, **info: Any) -> dict[str, Any]:
    """Register a model; `...` removes a member."""
    members = {name: value for name, value in ({"id": id_} | INFO | info).items() if value is not ...}
    answer = gateway.http.post("/v2/services/$register", json={"url": f"http://{id_}:8000", "info": members})
    assert answer.status_code == 200, answer.text
    return members


def ping(gateway: Gateway, id_: str) -> int:
    """Send a heartbeat."""
    return gateway.http.put(f"/v2/services/{id_}/$ping").status_code


def deregister(gateway: Gateway, id_: str) -> None:
    """Deregister a model."""
    assert gateway.http.delete(f"/v2/services/{id_}").status_code == 204


class Stopwatch:
    """Fails if what it awaits takes longer than it may."""

    def __init__(self, within: float) -> None:
        self.began, self.within = time.monotonic(), within

    def until(self, look: Any, what: str) -> None:
        """Wait until `look` is true."""
        wait_until(look, what)
        took = time.monotonic() - self.began
        assert took < self.within, f"{what}: took {took:.1f} s"


@pytest.mark.slow
def test_a_model_is_seen_with_its_data_while_it_pings_and_not_after(
    gateway: Gateway, consumer: ChapCore, redis: RedisServer
) -> None:
    watch = Stopwatch(SOON)
    register(gateway, "my-model")
    watch.until(lambda: consumer.listed(), "chap-core lists the model")
    [found] = consumer.listed().values()
    own = gateway.listed("/v2/services/my-model")
    assert json.loads(redis.value("my-model")) == own
    assert found["url"] == "http://my-model:8000"
    assert {**found, "info": {name: found["info"][name] for name in own["info"]}} == {
        **own,
        "info": own["info"] | {"model_metadata": found["info"]["model_metadata"]},
    }
    assert own["info"]["model_metadata"].items() <= found["info"]["model_metadata"].items()
    assert consumer.call("get", "my-model") == found
    ended = time.monotonic() + 2 * CHAP_TTL + 0.5
    while time.monotonic() < ended:
        assert ping(gateway, "my-model") == 200
        for _ in range(8):
            assert [*consumer.listed()] == ["my-model"]
            assert 0 < redis.left("my-model") <= CHAP_TTL * 1000
            time.sleep(0.05)
    shown = consumer.call("get", "my-model")
    assert shown["registered_at"] == own["registered_at"] < shown["last_ping_at"] < shown["expires_at"]
    watch = Stopwatch(SOON)
    deregister(gateway, "my-model")
    watch.until(lambda: not consumer.listed(), "chap-core lists it no longer")
    assert {key for keys in redis.keys().values() for key in keys if key.startswith("service:")} == set()


@pytest.mark.slow
def test_a_model_that_lapses_is_gone_and_a_late_ping_brings_it_back(
    gateway: Gateway, consumer: ChapCore, redis: RedisServer
) -> None:
    register(gateway, "my-model")
    wait_until(consumer.listed, "chap-core lists the model")
    lapses_at = time.monotonic() + redis.left("my-model") / 1000
    while consumer.listed():
        assert time.monotonic() < lapses_at + 0.2
        time.sleep(0.02)
    assert time.monotonic() > lapses_at - 0.2
    time.sleep(1.5)  # beyond the sweep that records the lapse
    assert not consumer.listed()
    watch = Stopwatch(SOON)
    assert ping(gateway, "my-model") == 200
    watch.until(consumer.listed, "chap-core lists the revived model")


HIDING: dict[str, dict[str, Any]] = {
    "plain": {"period_type": ..., "model_metadata": ...},
    "a-": {},
    "a--b": {},
    "no-period": {"period_type": ...},
}
"""What chap-core cannot show."""

CORRECTED: dict[str, dict[str, Any]] = {
    "no-metadata": {"model_metadata": ...},
    "null-metadata": {"model_metadata": None},
    **{
        f"email-{number}": {"model_metadata": {"contact_email": email}}
        for number, email in enumerate(("", "word", "a@localhost", "a@b.local", "a@b.test"))
    },
    **{
        f"url-{number}-{member[0]}": {"model_metadata": {member: url}}
        for member in ("organization_logo_url", "repository_url", "documentation_url")
        for number, url in enumerate(
            (
                "",
                "/a/path",
                "www.example.com",
                "git@github.com:a/b",
                "ftp://a/b",
                "some words",
                f"http://a/{'b' * 2083}",
            )
        )
    },
    **{f"target-{number}": {"target": target} for number, target in enumerate((None, 3, ["a"]))},
    **{f"hpo-{number}": {"hpo_search_space": space} for number, space in enumerate((["a"], "text"))},
    "chapkit": {"chapkit_version": 2},
    "servicekit": {"servicekit_version": ["2"]},
}
"""What chap-core would not accept as it is, and shows without the member."""

ACCEPTED: dict[str, dict[str, Any]] = {
    "any": {"period_type": "any"},
    "unknown": {"more": {"unknown": ["members"]}},
    "nul": {"description": "a\x00b"},
    "negative": {"min_prediction_periods": -3, "max_prediction_periods": 10**30},
    "no-hpo": {"hpo_search_space": None},
    "hpo": {"hpo_search_space": {"a": []}},
    "git": {"git_revision": "$GIT"},
    "git-list": {"git_revision": [1]},
}
"""What chap-core accepts as it is."""


@pytest.mark.slow
def test_registrations_that_would_hide_every_model_hide_none(
    gateway: Gateway, consumer: ChapCore, redis: RedisServer
) -> None:
    for id_, info in (HIDING | CORRECTED | ACCEPTED).items():
        register(gateway, id_, **info)
    register(gateway, "last")
    wait_until(lambda: redis.value("last"), "the last one is in Redis")
    found = consumer.listed()
    assert found.keys() == {*CORRECTED, *ACCEPTED, "last"}
    for id_ in ACCEPTED:
        stored = gateway.http.get(f"/v2/services/{id_}")
        assert json.loads(redis.value(id_))["info"] == stored.json()["info"]
    assert found["target-0"]["info"]["target"] == "disease_cases"
    assert found["email-1"]["info"]["model_metadata"]["contact_email"] is None
    log = gateway.log()
    assert log.count("chap-core would not show this: `period_type` is missing") == 2
    assert log.count("chap-core is given a corrected copy") == len(CORRECTED)
    figures = gateway.http.get("/metrics").text
    assert 'registry_gateway_chap_core_left_out{member="period_type"} 2.0' in figures
    assert 'registry_gateway_chap_core_left_out{member="id"} 2.0' in figures
    assert f"registry_gateway_chap_core_mirrored {len(found)}.0" in figures
    [shown] = gateway.listed("/catalog/v1/services/chap/no-period")["findings"]
    assert (shown["code"], shown["severity"]) == ("chap_not_shown", "warning")
    assert shown["summary"] == "chap-core would not show this: `period_type` is missing"

    def note(id_: str) -> str:
        in_catalogue = str(gateway.listed(f"/catalog/v1/services/chap/{id_}")["notes"]["chap-core"])
        assert f"chap-core     {in_catalogue}\n" in gateway.command("services", "show", id_)
        return in_catalogue

    assert note("last") == "visible"
    assert note("email-1") == "visible, with corrections"
    assert note("no-period") == "not visible: `period_type` is missing"
    register(gateway, "no-period")
    wait_until(lambda: "no-period" in consumer.listed(), "it is shown once it is a model")
    register(gateway, "no-period", period_type=...)
    wait_until(lambda: "no-period" not in consumer.listed(), "it is shown no longer")


@pytest.mark.slow
@each(MODEL)
def test_a_chapkit_model_is_visible_to_chap_core_on_the_page(
    gateway: Gateway, consumer: ChapCore, tmp_path: Path, kind: Kind
) -> None:
    model = kind.start(gateway, tmp_path / "model", "my-model")
    try:
        document = model.wait_until_listed()
        wait_until(consumer.listed, "chap-core lists the model")
        assert consumer.call("get", "my-model")["url"] == document["url"]
        with running_browser() as browser:
            tab = Tab(browser, gateway)
            fact = tab.open("/services/chap/my-model").locator("#facts > div", has_text="chap-core")
            expect(fact.locator("dd")).to_have_text("visible")
            tab.close()
        keep = Stopwatch(60)
        for _ in range(20):
            assert [*consumer.listed()] == ["my-model"]
            time.sleep(0.2)
        model.child.terminate()
        keep.until(lambda: not consumer.listed(), "it is gone")
    finally:
        model.child.close()


def keep_pinging(
    gateway: Gateway, look: Callable[[], object], seconds: float, ids: tuple[str, ...] = ("a", "b")
) -> None:
    """Send heartbeats for so long, each of which must be answered within a second; look in between."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        for id_ in ids:
            began = time.monotonic()
            assert ping(gateway, id_) == 200
            assert time.monotonic() - began < 1
        look()
        time.sleep(0.25)


def all_listed(consumer: ChapCore, *ids: str) -> Callable[[], None]:
    """Return a look that fails unless chap-core lists exactly these."""

    def look() -> None:
        assert consumer.listed().keys() == set(ids)

    return look


@pytest.mark.slow
def test_a_flushed_redis_is_restored_without_a_registration(
    gateway: Gateway, consumer: ChapCore, redis: RedisServer
) -> None:
    for id_ in ("a", "b"):
        register(gateway, id_)
    wait_until(lambda: len(consumer.listed()) == 2, "both are listed")
    for lost in ("FLUSHDB", "SCRIPT FLUSH", "DEL service:a", "DEL registry-gateway:chap-core", "PERSIST service:b"):
        redis.client.execute_command(*lost.split())  # type: ignore[no-untyped-call] # it has no types
        watch = Stopwatch(HEALED)
        watch.until(lambda: len(consumer.listed()) == 2 and redis.left("b") > 0, "both are listed again")
        keep_pinging(gateway, lambda: None, 1)


@pytest.mark.slow
def test_a_redis_that_dies_freezes_or_is_restarted_delays_no_heartbeat_and_heals(
    tmp_path: Path,
) -> None:
    with (
        running_redis(tmp_path / "redis") as redis,
        chap_core(redis) as own,
        running_gateway(tmp_path, settings(redis)) as gateway,
    ):
        for id_ in ("a", "b", "gone"):
            register(gateway, id_)
        wait_until(lambda: len(own.listed()) == 3, "all are listed")
        keep_pinging(gateway, lambda: None, 1, ("a", "b", "gone"))
        redis.process.stop()
        deregister(gateway, "gone")
        register(gateway, "new")
        keep_pinging(gateway, lambda: None, 20, ("a", "b", "new"))
        for _ in range(3):
            [note] = gateway.listed("/catalog/v1/services/chap/a")["notes"].values()
            assert note.startswith("unknown: chap-core's Redis")
        redis.process.go_on()
        watch = Stopwatch(HEALED)
        watch.until(lambda: own.listed().keys() == {"a", "b", "new"}, "all that is live is listed, and no more")
        keep_pinging(gateway, all_listed(own, "a", "b", "new"), 2 * CHAP_TTL, ("a", "b", "new"))
        redis.process.kill()
        deregister(gateway, "new")
        keep_pinging(gateway, lambda: None, 2 * CHAP_TTL)
        redis.start()
        watch = Stopwatch(HEALED)
        watch.until(lambda: own.listed().keys() == {"a", "b"}, "they are listed again")
        log = gateway.log()
        assert log.count("chap-core's Redis cannot be used") == log.count("chap-core's Redis can be used again") == 2
        assert "password" not in log


@pytest.mark.slow
def test_models_are_listed_throughout_crashes_of_the_gateway_and_nothing_is_written_elsewhere(
    consumer: ChapCore, redis: RedisServer, tmp_path: Path
) -> None:
    redis.client.flushall()
    with redis.database(0) as celery, running_gateway(tmp_path, settings(redis, **LONGER_LEASE)) as gateway:
        celery.set("service:celery", "task")
        register(gateway, "a")
        wait_until(consumer.listed, "it is listed")
        for _ in range(3):
            gateway.kill()
            gateway.start()
            keep_pinging(gateway, all_listed(consumer, "a"), 1, ("a",))
        found = redis.keys()
        assert found.pop(3) == {"service:a", "registry-gateway:chap-core"}
        assert found == {0: {"service:celery"}}


@pytest.mark.slow
def test_two_gateways_mirror_without_a_leader(
    consumer: ChapCore, redis: RedisServer, tmp_path: Path, postgresql_url: str
) -> None:
    redis.client.flushall()
    with running_nodes(tmp_path, 2, postgresql_url, settings(redis, **LONGER_LEASE)) as (one, other):
        for id_ in ("a", "b", "gone"):
            register(one, id_)
        wait_until(lambda: len(consumer.listed()) == 3, "all are listed")
        keep_pinging(other, all_listed(consumer, "a", "b", "gone"), LONGER + 1, ("a", "b", "gone"))
        one.process.stop()
        watch = Stopwatch(SOON)
        deregister(other, "gone")
        watch.until(lambda: len(consumer.listed()) == 2, "one is gone")
        one.process.go_on()  # what it knows is old, and it may be in the middle of a comparison
        keep_pinging(other, all_listed(consumer, "a", "b"), 3)
        one.kill()
        keep_pinging(other, all_listed(consumer, "a", "b"), LONGER + 1)
        other.finish()


def test_keys_of_chap_core_stay_and_an_id_that_is_live_here_wins(
    gateway: Gateway, consumer: ChapCore, redis: RedisServer
) -> None:
    def foreign(id_: str) -> dict[str, Any]:
        return {"url": "http://of-chap-core", "info": {"id": id_, **INFO}}

    consumer.call("register", foreign("theirs"))
    consumer.call("register", foreign("both"))
    register(gateway, "both")
    wait_until(lambda: consumer.listed()["both"]["url"] == "http://both:8000", "the gateway's value wins")
    consumer.call("register", foreign("both"))
    wait_until(lambda: consumer.listed()["both"]["url"] == "http://both:8000", "it wins again")
    consumer.call("ping", "both")
    wait_until(lambda: redis.left("both") <= CHAP_TTL * 1000, "it does not outlast its lease")
    deregister(gateway, "both")
    wait_until(lambda: "both" not in consumer.listed(), "what the gateway wrote is gone")
    assert consumer.listed()["theirs"]["url"] == "http://of-chap-core"


def doctor(directory: Path, redis_url: str) -> dict[str, str]:
    """The summaries of what the doctor finds about chap-core, by code."""
    environment = {
        "REGISTRY_GATEWAY_DATABASE_URL": f"sqlite:///{directory / 'registry.db'}",
        "REGISTRY_GATEWAY_HOST": "127.0.0.1",
        "REGISTRY_GATEWAY_CHAP_REDIS_URL": redis_url,
    }
    done = commands.run(["doctor", "--json"], environment)
    assert done.returncode in (0, 1), done.stderr
    assert "password" not in done.stdout
    return {f["code"]: f["summary"] for f in json.loads(done.stdout)["findings"] if f["code"].startswith("chap_")}


def test_the_doctor_finds_what_is_wrong_in_redis(
    gateway: Gateway, consumer: ChapCore, redis: RedisServer, tmp_path: Path
) -> None:
    register(gateway, "a")
    wait_until(consumer.listed, "it is listed")
    assert doctor(tmp_path, redis.url) == {}
    consumer.call("register", {"url": "http://theirs", "info": {"id": "theirs", **INFO}})
    redis.client.set("service:lasting", redis.value("a"))
    redis.client.set("service:broken", redis.value("a").replace(b"monthly", b"daily"), ex=30)
    redis.client.hset("service:hash", "a", "b")
    redis.client.expire("service:hash", 30)
    found = doctor(tmp_path, redis.url)
    assert found.keys() == {"chap_redis_unreadable", "chap_redis_no_expiry", "chap_core_registers"}
    assert "broken (`period_type` is not weekly, monthly or any)" in found["chap_redis_unreadable"]
    assert "hash (it is not a string)" in found["chap_redis_unreadable"]
    assert found["chap_redis_no_expiry"].endswith(": lasting")
    assert "theirs" in found["chap_core_registers"]
    with pytest.raises(AssertionError, match="chap-core: "):
        consumer.listed()
    elsewhere = redis.url.replace("/3", "/0")
    assert [*doctor(tmp_path, elsewhere)] == ["chap_redis_database"]
    assert [*doctor(tmp_path, "redis://127.0.0.1:1/3")] == ["chap_redis_unusable"]
    refused = commands.run(["serve", "--port", "0"], {"REGISTRY_GATEWAY_CHAP_REDIS_URL": elsewhere})
    assert refused.returncode == 2
    assert "chap-core 2.x looks in 3 alone" in refused.stderr


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_HOSTS = st.text("abcXYZ019-._:[]@%xn/", max_size=25)
_URLS = (
    st.from_regex(chap_core_addresses._URL, fullmatch=True)
    | st.builds("".join, st.tuples(st.sampled_from(["http://", "HTTPS://", "ftp://", ""]), _HOSTS, st.text(max_size=9)))
    | st.sampled_from(["http://1.2.3", "http://0x1", "http://a.0x", "http://[::ffff:1.2.3.4]:80/", "http://xn--a/"])
)
_ENDS = (
    "b.co",
    "b.local",
    "a.test",
    "x.arpa",
    "a.alt",
    "ab--c.de",
    "xn--a.de",
    "a.b1",
    "1.2",
    "a.example",
    "gmail.com",
)
_EMAILS = (
    st.emails()
    | st.from_regex(chap_core_addresses._EMAIL, fullmatch=True)
    | st.builds(lambda name, end: f"{name}@{end}", st.text("ab.1+-", min_size=1, max_size=8), st.sampled_from(_ENDS))
)
_METADATA = st.fixed_dictionaries(
    {},
    optional={
        "contact_email": _EMAILS | _JSON,
        "organization_logo_url": _URLS | _JSON,
        "repository_url": _URLS,
        "documentation_url": _URLS,
        "author_assessed_status": st.sampled_from(["green", "blue"]) | _JSON,
        "author": _JSON,
        "citation_info": _JSON,
        "other": _JSON,
    },
)
_INFO = st.fixed_dictionaries(
    {"period_type": st.sampled_from(["weekly", "monthly", "any"]) | _JSON},
    optional={
        "model_metadata": _METADATA | _JSON,
        **dict.fromkeys((*chap_core_rules._OPTIONAL, "git_revision", "other"), _JSON),
        "id": st.from_regex("[a-z][a-z0-9-]{0,5}", fullmatch=True),
        "display_name": st.text() | _JSON,
    },
)


@pytest.mark.slow
@hypothesis.settings(max_examples=1000, deadline=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(info=_INFO)
def test_what_the_rules_let_pass_chap_core_accepts(consumer: ChapCore, info: dict[str, Any]) -> None:
    info = {"id": "a", "display_name": "A", **info}
    document = msgspec.json.encode({"id": info["id"], "url": "http://a", "info": info})
    checked = chap_core_rules.check(document)
    if checked.document is not None:
        times = dict.fromkeys(chap_core_rules.TIMES, "2027-01-15T08:00:00+00:00")
        value = msgspec.json.encode({**msgspec.json.decode(checked.document), **times})
        consumer.call("accepts", value.decode())
        assert chap_core_rules.unreadable(value) is None
