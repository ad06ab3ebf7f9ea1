"""The adapters of docs/adding-an-adapter.md, installed outside the source tree, in a real server process."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from registry_gateway.client.registration.dialect import GROUP

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-adapter.md"


def _codes() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def _install(directory: Path) -> None:
    """Install the adapters of the page: the first as its `pyproject.toml` says, the second likewise."""
    beacon, client, tally = _codes()
    project, project_of_client = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    entry_points = tomllib.loads(project)["project"]["entry-points"]["registry_gateway.adapters"]
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (directory / "beacon_client.py").write_text(client)
    clients = tomllib.loads(project_of_client)["project"]["entry-points"][GROUP]
    lines += [f"[{GROUP}]", *(f"{name} = {value}" for name, value in clients.items())]
    for name, code, entry in (("beacon", beacon, lines), ("tally", tally, ["tally = gateway_tally:adapter"])):
        (directory / f"gateway_{name}.py").write_text(code)
        installed = directory / f"gateway_{name}-1.0.dist-info"
        installed.mkdir()
        (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gateway-{name}\nVersion: 1.0\n")
        (installed / "entry_points.txt").write_text("\n".join(["[registry_gateway.adapters]", *entry, ""]))


class Gateway(NamedTuple):
    """A running gateway: its URL, and the process."""

    url: str
    process: "subprocess.Popen[bytes]"


@contextlib.contextmanager
def _serving(directory: Path, **settings: str) -> Iterator[Gateway]:
    """Serve with the adapters of the page."""
    _install(directory)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    given = {f"REGISTRY_GATEWAY_{name}": value for name, value in settings.items()}
    environment = {**os.environ, "PYTHONPATH": str(directory), **given}
    command = [sys.executable, "-m", "registry_gateway", "serve", "--host", "127.0.0.1", "--port", str(port)]
    log = (directory / "log").open("wb")
    server = subprocess.Popen(command, cwd=directory, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, directory / "log")
        yield Gateway(url, server)
    finally:
        server.terminate()
        server.wait(10)
        log.close()


@pytest.fixture
def beacon(tmp_path: Path) -> Iterator[str]:
    """URL of a gateway that found the adapters on its path; the tally is off."""
    with _serving(tmp_path) as gateway:
        yield gateway.url


@pytest.fixture
def tally(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway that serves the tally too."""
    with _serving(tmp_path, TALLY_ENABLED="true") as gateway:
        yield gateway


def _wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/health/ready", verify=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the gateway did not start:\n{log.read_text()}")


def test_the_page_shows_an_adapter_of_less_than_a_hundred_lines_and_a_reading_one_of_less_than_eighty() -> None:
    beacon, client, tally = _codes()
    assert len(client.splitlines()) < 30
    assert len(beacon.splitlines()) < 100
    assert len(tally.splitlines()) < 80


@pytest.mark.slow
def test_a_fourth_dialect_needs_nothing_but_its_own_package(beacon: str) -> None:
    with httpx.Client(base_url=beacon, verify=False) as client:
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
        assert client.get("/tally").status_code == 404


@pytest.mark.slow
def test_a_sidecar_speaks_a_fourth_dialect(beacon: str, tmp_path: Path) -> None:
    options = ["--to", beacon, "--dialect", "beacon", "--id", "harbour", "--host", "192.0.2.1", "--interval", "1"]
    command = [sys.executable, "-m", "registry_gateway", "sidecar", *options, "--", "sleep", "60"]
    sidecar = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(tmp_path), "NO_PROXY": "127.0.0.1"})
    try:
        _until(lambda: httpx.get(f"{beacon}/beacon").text == "harbour 192.0.2.1\n")
    finally:
        sidecar.terminate()
        assert sidecar.wait(10) == 128 + signal.SIGTERM
    assert httpx.get(f"{beacon}/beacon").text == ""


def test_a_reading_adapter_lists_all_dialects_and_waits_for_the_next_change(tally: Gateway) -> None:
    with httpx.Client(base_url=tally.url, verify=False, timeout=30) as client, ThreadPoolExecutor() as threads:
        client.put("/beacon/harbour", params={"address": "192.0.2.1"})
        info = {"id": "my-model", "display_name": "My model"}
        client.post("/v2/services/$register", json={"url": "http://model:8000/x", "info": info})
        listed = client.get("/tally")
        assert listed.text == "beacon harbour 192.0.2.1 up \nchap my-model model:8000 up \n"
        assert client.get("/tally?status=down&status=pending").text == ""
        assert client.get("/tally?status=down&status=up").text == listed.text
        assert client.get("/tally?after=now").status_code == 422
        index = listed.headers["X-Index"]
        assert client.get("/tally", params={"after": int(index) - 1}).text == listed.text
        waiting = threads.submit(httpx.get, f"{tally.url}/tally", params={"after": index}, timeout=30)
        _until(lambda: "registry_gateway_tally_waiting 1.0" in client.get("/metrics").text)
        assert not waiting.done()
        client.delete("/beacon/harbour")
        changed = waiting.result(10)
        assert changed.text == "chap my-model model:8000 up \n"
        assert int(changed.headers["X-Index"]) > int(index)
        figures = client.get("/metrics").text
        assert "registry_gateway_tally_waiting 0.0" in figures
        assert 'dialect="tally",kind=' not in figures
        assert "tally" not in client.get("/catalog/v1/stats").json()["by_dialect"]


def test_a_client_that_leaves_is_waited_for_no_longer_and_one_that_stays_is_answered_at_the_stop(
    tally: Gateway,
) -> None:
    with httpx.Client(base_url=tally.url, verify=False, timeout=30) as client, ThreadPoolExecutor() as threads:
        index = client.get("/tally").headers["X-Index"]
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{tally.url}/tally", params={"after": index}, timeout=0.5)
        _until(lambda: "registry_gateway_tally_waiting 0.0" in client.get("/metrics").text)
        waiting = threads.submit(httpx.get, f"{tally.url}/tally", params={"after": index}, timeout=30)
        _until(lambda: "registry_gateway_tally_waiting 1.0" in client.get("/metrics").text)
        tally.process.terminate()
        assert waiting.result(10).status_code == 200
        tally.process.wait(10)


@pytest.mark.slow
def test_a_reading_adapter_is_protected_as_the_catalogue_is(tmp_path: Path) -> None:
    with _serving(
        tmp_path, TALLY_ENABLED="true", RUNSPEC_API_KEY="0123456789abcdef", RUNSPEC_PROTECT_READS="true"
    ) as on:
        refused = httpx.get(f"{on.url}/tally")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert httpx.get(f"{on.url}/catalog/v1/services").status_code == 401


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
