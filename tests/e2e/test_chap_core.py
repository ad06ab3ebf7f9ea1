"""The mirror in chap-core's Redis, seen by chap-core's own `Orchestrator`: real gateways, a real Redis."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.chap_core import ChapCore, chap_core
from tests.e2e.gateway import CHAP_TTL, Gateway, running_gateway
from tests.e2e.polling import wait_until
from tests.e2e.redis_server import RedisServer, needs_redis, running_redis

pytestmark = needs_redis

SOON = 2.0
"""Seconds within which a change is to be seen by chap-core."""

HEALED = 5.0
"""Seconds within which the mirror has what a Redis lost."""

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
