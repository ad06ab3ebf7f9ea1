"""`registry-gateway import` from chap-core: from its own routes, and from the Redis that they write."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import chap_service
from tests.e2e.chap_core_registry import chap_core_registry
from tests.e2e.clients import CHAPKIT
from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.redis_server import RedisServer, needs_redis, running_redis

pytestmark = [pytest.mark.slow, needs_redis]

TOKEN = "the-api-token-of-chap-core-0123456789"
KEY = "the-models-registration-key"
LEASE = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "30"}
INFO: dict[str, Any] = {
    "display_name": "My model",
    "version": "2.1.0",
    "description": None,
    "period_type": "monthly",
    "model_metadata": {"author": "Her", "contact_email": "her@example.org"},
    "required_covariates": ["rainfall"],
    "git_revision": "0123456789abcdef0123456789abcdef01234567",
}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    """chap-core's Redis."""
    with running_redis(tmp_path / "redis") as server:
        yield server


def test_models_of_a_chap_core(tmp_path: Path, redis: RedisServer) -> None:
    settings = {"CHAP_API_TOKEN": TOKEN, "SERVICEKIT_REGISTRATION_KEY": KEY}
    with chap_core_registry(tmp_path, redis, settings) as old, running_gateway(tmp_path, LEASE) as gateway:
        gateway.secrets |= {TOKEN, KEY}
        for key in ("a", "b-2"):
            body = {"url": f"http://{key}:8000", "info": {"id": key, **INFO}}
            answer = old.post("/v2/services/$register", json=body, headers={"X-Service-Key": KEY})
            assert answer.status_code == 200, answer.text
        theirs = {s["id"]: s for s in old.get("/v2/services", headers={"X-Service-Key": TOKEN}).json()["services"]}
        assert set(theirs) == {"a", "b-2"}

        url = str(old.base_url)
        done = gateway.command("import", "--from", "chap", url, "--key", TOKEN, "--json")
        assert [s["outcome"] for s in json.loads(done)["services"]] == ["imported", "imported"]
        for ours in gateway.listed("/v2/services")["services"]:
            assert (ours["url"], ours["info"]) == (theirs[ours["id"]]["url"], theirs[ours["id"]]["info"])
        done = gateway.command("import", "--from", "chap-redis", redis.url, "--json")
        assert [s["outcome"] for s in json.loads(done)["services"]] == ["skipped", "skipped"]

        gateway.command("services", "remove", "a")
        done = gateway.command("import", "--from", "chap-redis", redis.url, "--json")
        assert {s["key"]: s["outcome"] for s in json.loads(done)["services"]} == {"a": "imported", "b-2": "skipped"}
        ours = gateway.listed("/v2/services/a")
        assert ours["url"] == theirs["a"]["url"]
        kept = {name: value for name, value in ours["info"].items() if value is not None}
        assert kept == theirs["a"]["info"]


def test_a_published_model_does_not_notice(tmp_path: Path, redis: RedisServer) -> None:
    (tmp_path / "model").mkdir()
    settings = {**LEASE, "SERVICEKIT_REGISTRATION_KEY": KEY}
    gateway = Gateway(tmp_path, settings)  # not started yet: chap-core has its port
    model = None
    try:
        with chap_core_registry(tmp_path, redis, {"SERVICEKIT_REGISTRATION_KEY": KEY}, gateway.port) as old:
            model = chap_service.launch(CHAPKIT, gateway, tmp_path / "model", "mover", KEY, flavour="chapkit")
            theirs = model.wait_until_listed()
            assert old.get("/v2/services/mover").status_code == 200
        gateway.command("db", "upgrade")
        said = gateway.command("import", "--from", "chap-redis", redis.url)  # chap-core is down already
        assert said.startswith("Imported 1 of 1 ")
        gateway.start()
        assert gateway.listed("/v2/services/mover")["url"] == theirs["url"]
        model.wait_for_a_heartbeat()
        actors = {json.loads(event)["actor"] for event in gateway.command("events", "--json").splitlines()}
        assert actors == {f"import from 127.0.0.1:{redis.port}"}  # and not the model: it had no need to register
    finally:
        if model is not None:
            model.child.close()
        gateway.close()
