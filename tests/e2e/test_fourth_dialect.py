"""The adapter of docs/adding-an-adapter.md, installed outside the source tree, in a real server process."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-adapter.md"


def _blocks() -> dict[str, str]:
    return dict(re.findall(r"```(python|toml)\n(.*?)```", PAGE.read_text(), re.DOTALL))


@pytest.fixture
def beacon(tmp_path: Path) -> Iterator[str]:
    """URL of a gateway that found the beacon adapter on its path."""
    blocks = _blocks()
    (tmp_path / "gateway_beacon.py").write_text(blocks["python"])
    installed = tmp_path / "gateway_beacon-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: gateway-beacon\nVersion: 1.0\n")
    entry = blocks["toml"].replace('[project.entry-points."registry_gateway.adapters"]', "[registry_gateway.adapters]")
    (installed / "entry_points.txt").write_text(entry.replace('"', ""))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "registry_gateway", "serve", "--host", "127.0.0.1", "--port", str(port)]
    log = (tmp_path / "log").open("wb")
    server = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, tmp_path / "log")
        yield url
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def _wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the gateway did not start:\n{log.read_text()}")


def test_the_page_shows_an_adapter_of_less_than_a_hundred_lines() -> None:
    assert len(_blocks()["python"].splitlines()) < 100


def test_a_fourth_dialect_needs_nothing_but_its_own_package(beacon: str) -> None:
    with httpx.Client(base_url=beacon) as client:
        lit = client.put("/beacon/harbour", params={"address": "192.0.2.1"})
        assert (lit.status_code, lit.text) == (201, "lit\n")
        assert client.put("/beacon/harbour", params={"address": "192.0.2.2"}).status_code == 200
        assert client.get("/beacon").text == "harbour 192.0.2.2\n"
        lost = client.put("/beacon/harbour")
        assert (lost.status_code, lost.text) == (422, "say where you are: ?address=HOST\n")
        assert client.post("/beacon/harbour").status_code == 405
        assert client.delete("/beacon/harbour").status_code == 204
        gone = client.delete("/beacon/harbour")
        assert (gone.status_code, gone.text) == (404, "harbour is not registered\n")
        assert client.get("/beacon").text == ""
