"""`serve` as a process: how it starts, what it prints, and how it ends."""

import html
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.integration.command_line import output

TIMEOUT = 60.0
"""Seconds after which a process that says nothing, or does not end, has failed."""


class Serving:
    """A `serve` process on a port the system chose."""

    def __init__(self, directory: Path, log: IO[bytes], *options: str, **environment: str) -> None:
        self._log = Path(log.name)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "registry_gateway", "serve", "--host", "127.0.0.1", *options],
            cwd=directory,
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,  # select() must see what readline() has not returned yet
            start_new_session=True,  # signals go to the processes of one gateway, as a terminal sends them
        )
        self.welcome = ""

    def read_welcome(self) -> "Serving":
        """Return once it has said where it is and is ready."""
        assert self.process.stdout is not None
        while "Ctrl-C" not in self.welcome:
            assert select.select([self.process.stdout], [], [], TIMEOUT)[0], self.log()
            line = self.process.stdout.readline().decode()
            assert line, f"it ended:\n{self.welcome}{self.log()}"
            self.welcome += line
        # The port is taken before the welcome is printed, so this waits in the queue until the gateway is up.
        ready = httpx.get(f"{self.url}/health/ready", timeout=TIMEOUT, verify=False, trust_env=False)
        assert ready.status_code == 200, ready.text
        return self

    @property
    def url(self) -> str:
        """Where it listens."""
        match = re.search(r"listens on (\S+)", self.welcome)
        assert match is not None
        return match[1].replace("localhost", "127.0.0.1")

    def log(self) -> str:
        """Its standard error."""
        return self._log.read_text()

    def end(self, number: int) -> int:
        """Send it (all of it) a signal; its exit code."""
        os.killpg(self.process.pid, number)
        return self.process.wait(TIMEOUT)


@contextmanager
def serving(directory: Path, *options: str, **environment: str) -> Iterator[Serving]:
    """A gateway for as long as the context is open."""
    with (directory / "log").open("wb") as log:
        gateway = Serving(directory, log, "--port", "0", *options, **environment)
        with gateway.process:
            try:
                yield gateway.read_welcome()
            finally:
                if gateway.process.poll() is None:
                    os.killpg(gateway.process.pid, signal.SIGKILL)


def test_the_first_commands_can_be_typed_as_they_are_shown(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with serving(tmp_path, "--database-url", f"sqlite:///{tmp_path}/my.db") as gateway:
        [shown] = re.findall(r"TOKEN=\$\((.*)\)$", gateway.welcome, re.M)
        done = subprocess.run(["sh", "-c", shown], cwd=elsewhere, capture_output=True, text=True, check=True)
        assert done.stdout.startswith("rgw_")
        assert "my-service" in output(f"sqlite:///{tmp_path}/my.db", "accounts", "list")
        page = httpx.get(gateway.url, verify=False, trust_env=False).text
        assert f"$({sys.executable} -m registry_gateway accounts create" in html.unescape(page)
        assert str(tmp_path) not in page, "the page does not name the database"


def test_an_empty_directory_is_enough_and_the_curl_lines_work(tmp_path: Path) -> None:
    with serving(tmp_path) as gateway:
        assert "Migrated the database" in gateway.welcome
        url = f"sqlite:///{tmp_path}/registry.db"
        token = output(url, "accounts", "create", "my-service").strip()
        for line in gateway.welcome.splitlines():
            if line.startswith("  curl"):
                words = shlex.split(line.replace("$TOKEN", token))
                (where,) = (word for word in words if word.startswith("http://"))
                given = dict(word.split(": ") for flag, word in pairwise(words) if flag == "-H")
                headers = {"Content-Type": "application/json", **given}
                answer = httpx.post(where, content=words[-1], headers=headers, verify=False, trust_env=False)
                assert answer.is_success, answer.text
        listed = json.loads(output(url, "services", "list", "--json"))
        assert {service["dialect"] for service in listed} == {"chap", "runspec", "scaicontrol"}
        assert re.search(r"^Page +http://localhost:[0-9]+/$", gateway.welcome, re.MULTILINE)
        answer = httpx.get(f"{gateway.url}/health", verify=False, trust_env=False)
        assert "server" not in answer.headers
        assert "date" in answer.headers
        assert gateway.end(signal.SIGINT) == 0
    assert "Traceback" not in gateway.log()


WAYS = [
    pytest.param([], id="one"),
    pytest.param(["--workers", "2"], id="workers", marks=pytest.mark.slow),
    pytest.param(["--reload"], id="reload", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("options", WAYS)
def test_sigterm_is_an_end_in_order(sqlite_url: str, tmp_path: Path, options: list[str]) -> None:
    with serving(tmp_path, "--database-url", sqlite_url, *options) as gateway:
        assert gateway.end(signal.SIGTERM) == 0
    assert "Migrated" not in gateway.welcome
    assert "Finished server process" in gateway.log()
    assert "Traceback" not in gateway.log()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process ignores is read from /proc")
@pytest.mark.slow
@pytest.mark.parametrize("options", WAYS)
def test_sighup_never_ends_a_gateway_that_starts(sqlite_url: str, tmp_path: Path, options: list[str]) -> None:
    with (tmp_path / "log").open("wb") as log:
        gateway = Serving(tmp_path, log, "--port", "0", "--database-url", sqlite_url, *options)
    with gateway.process:
        try:
            deadline = time.monotonic() + TIMEOUT
            while not ignores_sighup(gateway.process.pid):
                assert time.monotonic() < deadline
                assert gateway.process.poll() is None, gateway.log()
            stop = threading.Event()
            sending = threading.Thread(target=send_sighup, args=(gateway.process.pid, stop))
            sending.start()
            try:
                gateway.read_welcome()
                time.sleep(0.5)
            finally:
                stop.set()
                sending.join()
            assert "died" not in gateway.log()
            assert gateway.end(signal.SIGTERM) == 0
            assert "Traceback" not in gateway.log()
        finally:
            if gateway.process.poll() is None:
                os.killpg(gateway.process.pid, signal.SIGKILL)


def ignores_sighup(pid: int) -> bool:
    """Whether a process ignores SIGHUP."""
    ignored = re.search(r"^SigIgn:\s+(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return ignored is not None and bool(int(ignored[1], 16) >> (signal.SIGHUP - 1) & 1)


def send_sighup(group: int, stop: threading.Event) -> None:
    """Send SIGHUP to all processes of a gateway, again and again."""
    while not stop.wait(0.02):
        os.killpg(group, signal.SIGHUP)


@pytest.mark.slow
def test_options_win_over_the_environment_and_reach_the_workers(sqlite_url: str, tmp_path: Path) -> None:
    environment = {
        "REGISTRY_GATEWAY_DATABASE_URL": sqlite_url,
        "REGISTRY_GATEWAY_PORT": "1",
        "REGISTRY_GATEWAY_LOG_FORMAT": "text",
        "REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "77",
    }
    options = ["--log-format", "json", "--api-key", "k3y", "--public-url", "https://registry.example.org/"]
    with serving(tmp_path, "--workers", "2", *options, **environment) as gateway:
        assert "https://registry.example.org/v2/services/$register" in gateway.welcome
        assert "k3y" not in gateway.welcome
        with httpx.Client(base_url=gateway.url, verify=False, trust_env=False) as client:
            for _ in range(4):
                refused = client.post("/instances", json={}, headers={"Connection": "close"})
                assert refused.status_code == 403
            body = {"url": "http://localhost:8000", "info": {"id": "my-model", "display_name": "My model"}}
            registered = client.post("/v2/services/$register", json=body).json()
        assert registered["ttl_seconds"] == 77
        assert registered["ping_url"].startswith("https://registry.example.org/v2/")
        assert gateway.end(signal.SIGTERM) == 0
    messages = [json.loads(line)["message"] for line in gateway.log().splitlines()]
    assert "registered" in messages
    assert len([message for message in messages if message.startswith("Finished server process")]) == 2


def test_a_port_in_use_is_one_line_and_changes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, (tmp_path / "log").open("wb") as log:
        port = taken.getsockname()[1]
        gateway = Serving(tmp_path, log, "--port", str(port))
        stdout, _ = gateway.process.communicate(timeout=TIMEOUT)
    assert (gateway.process.returncode, stdout) == (2, b"")
    assert gateway.log() == (
        f"registry-gateway: error: can't listen on 127.0.0.1 port {port}: Address already in use; "
        "choose another with --host and --port\n"
    )
    assert not (tmp_path / "registry.db").exists()


def test_migrate_brings_postgresql_up_to_date(own_postgresql_url: str, tmp_path: Path) -> None:
    output(own_postgresql_url, "db", "downgrade", "base")
    with serving(tmp_path, "--migrate", REGISTRY_GATEWAY_DATABASE_URL=own_postgresql_url) as gateway:
        assert "Migrated the database" in gateway.welcome
        assert gateway.end(signal.SIGTERM) == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_https(sqlite_url: str, tmp_path: Path) -> None:
    request = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-keyout key.pem -out cert.pem -days 1 -subj /CN=localhost"
    )
    subprocess.run(shlex.split(request), cwd=tmp_path, check=True, capture_output=True)
    options = ["--ssl-keyfile", "key.pem", "--ssl-certfile", "cert.pem"]
    with serving(tmp_path, *options, REGISTRY_GATEWAY_DATABASE_URL=sqlite_url) as gateway:
        assert gateway.url.startswith("https://")
        body = {"url": "http://localhost:8000", "info": {"id": "my-model", "display_name": "My model"}}
        registered = httpx.post(f"{gateway.url}/v2/services/$register", json=body, verify=False, trust_env=False)
        assert registered.json()["ping_url"].startswith("https://")
        assert gateway.end(signal.SIGTERM) == 0


@pytest.mark.slow
def test_events_are_followed_until_ctrl_c(sqlite_url: str, tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "registry_gateway", "events", "--follow", "--json"]
    environment = {"PATH": os.environ["PATH"], "REGISTRY_GATEWAY_DATABASE_URL": sqlite_url, "PYTHONUNBUFFERED": "1"}
    with (
        serving(tmp_path, REGISTRY_GATEWAY_DATABASE_URL=sqlite_url) as gateway,
        subprocess.Popen(
            arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
        ) as follower,
    ):
        assert follower.stdout is not None
        assert follower.stderr is not None
        body = {"url": "http://localhost:8000", "info": {"id": "my-model", "display_name": "My model"}}
        try:
            for key in ("one", "two"):
                body["info"] = {"id": key, "display_name": key}
                httpx.post(
                    f"{gateway.url}/v2/services/$register", json=body, verify=False, trust_env=False
                ).raise_for_status()
                assert select.select([follower.stdout], [], [], TIMEOUT)[0]
                assert json.loads(follower.stdout.readline())["key"] == key
            follower.send_signal(signal.SIGINT)
            assert (follower.wait(TIMEOUT), follower.stderr.read()) == (0, b"")
        finally:
            follower.kill()
        started = time.monotonic()
        assert gateway.end(signal.SIGTERM) == 0
        assert time.monotonic() - started < 5  # nothing is in flight, so nothing is waited for
