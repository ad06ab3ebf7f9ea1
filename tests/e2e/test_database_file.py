"""The SQLite file under a running gateway: backed up, taken away, replaced, restored."""

import shutil
from pathlib import Path

import httpx
import pytest

from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.polling import wait_until

pytestmark = pytest.mark.slow


def register(gateway: Gateway, instance: str) -> int:
    agent = {"instance_id": instance, "name": "portal", "version": "1", "host": "web-1"}
    return gateway.http.post("/instances", json=agent).status_code


def ready(gateway: Gateway) -> httpx.Response:
    return gateway.http.get("/health/ready")


def instances(gateway: Gateway) -> list[str]:
    return [instance["instance_id"] for instance in gateway.listed("/instances", active="false")]


def test_what_is_acknowledged_is_in_the_file_whatever_happens_to_it(tmp_path: Path) -> None:
    file, away, backup = tmp_path / "registry.db", tmp_path / "away.db", tmp_path / "backup.db"
    with running_gateway(tmp_path) as gateway:
        assert register(gateway, "first") == 201
        gateway.command("db", "backup", str(backup))
        assert register(gateway, "since") == 201
        with pytest.raises(AssertionError, match=f"a process has {file} open; first stop the gateway"):
            gateway.command("db", "restore", str(backup))

        file.rename(away)
        assert [register(gateway, f"lost-{n}") for n in range(5)] == [503] * 5
        assert gateway.http.get("/instances").status_code == 503
        assert f"{file} was deleted or moved away while in use" in gateway.log()
        away.rename(file)
        wait_until(lambda: ready(gateway).status_code == 200, "it goes on with the file", evidence=gateway.log)
        assert instances(gateway) == ["first", "since"]
        assert register(gateway, "third") == 201

        shutil.copyfile(backup, away)
        away.replace(file)
        wait_until(lambda: ready(gateway).status_code == 503, "it notices without a write", evidence=gateway.log)
        assert register(gateway, "lost") == 503
        assert f"{file} was replaced by another file while in use" in gateway.log()
        gateway.finish()

        gateway.command("db", "restore", str(backup))
        gateway.start()
        assert instances(gateway) == ["first"]
        assert register(gateway, "again") == 201
        gateway.command("db", "check")
