"""Clients that are generated from /openapi.json as docs/generated-clients.md says, against a running gateway."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e import documented
from tests.e2e.child import Child
from tests.e2e.clients import ClientEnvironment
from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.node_packages import node_packages
from tests.e2e.polling import wait_until

pytestmark = pytest.mark.slow

PAGE = "generated-clients.md"
GENERATOR = ClientEnvironment("openapi-python-client-0.29.1", ("openapi-python-client==0.29.1", "httpx-sse==0.4.3"))
AGENT = {"instance_id": "5f0c", "name": "portal", "version": "1.0", "host": "web-01"}
SETTINGS = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "600", "REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "200"}
EVERYTHING = {
    **SETTINGS,
    "SERVICEKIT_REGISTRATION_KEY": "a-key-of-the-tests",
    "REGISTRY_GATEWAY_CHAP_RUN_PROXY": "true",
    "REGISTRY_GATEWAY_PROTECT_CATALOG": "true",
    "REGISTRY_GATEWAY_RUNSPEC_API_KEY": "another-key-of-the-tests",
    "REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true",
}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose leases outlast the test."""
    directory = tmp_path / "gateway"
    directory.mkdir()
    with running_gateway(directory, SETTINGS) as gateway:
        yield gateway


def run(command: Sequence[str | Path], directory: Path, path: Path | None = None) -> str:
    """Run a command in a directory, with `path` before PATH: what it says, on both channels."""
    search = os.environ["PATH"] if path is None else f"{path}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": search, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
    return done.stdout


def at(gateway: Gateway, text: str) -> str:
    """A documented program or command, for this gateway."""
    assert "http://localhost:8765" in text
    return text.replace("http://localhost:8765", gateway.url)


def generated(gateway: Gateway, directory: Path) -> Path:
    """Generate the Python client as documented; the Python it runs with."""
    python = GENERATOR.executable("python")
    [command] = [line for line in documented.block(PAGE, "sh", "Python").splitlines() if "--url" in line]
    said = run([*shlex.split(at(gateway, command)), "--fail-on-warning"], directory, python.parent)
    assert "warning" not in said.lower()
    assert "error" not in said.lower()
    return python


def test_a_python_client_registers_and_lists(gateway: Gateway, tmp_path: Path) -> None:
    python = generated(gateway, tmp_path)
    (tmp_path / "program.py").write_text(at(gateway, documented.block(PAGE, "python", "Python")))
    assert run([python, "program.py"], tmp_path).splitlines() == ["chap my-model up", "runspec 5f0c up"]
    assert gateway.listed("/catalog/v1/services")["total"] == 2


def test_a_python_client_of_a_gateway_with_every_key(tmp_path: Path) -> None:
    directory = tmp_path / "gateway"
    directory.mkdir()
    with running_gateway(directory, EVERYTHING) as gateway:
        python = generated(gateway, tmp_path)
        token = gateway.token("admin", "admin:registry")
        program = f"""
from registry_client import AuthenticatedClient, Client
from registry_client.api.admin import admin_create_account, admin_list_accounts
from registry_client.api.catalogue import catalogue_services, catalogue_stats
from registry_client.models import AdminNewAccount
client = AuthenticatedClient({gateway.url!r}, token={token!r})
print(catalogue_services.sync(client=client).total, catalogue_stats.sync(client=client).services)
print(catalogue_services.sync(client=Client({gateway.url!r})).status)
admin_create_account.sync(client=client, body=AdminNewAccount("reader", scopes=["read:catalog"], expires_in=600))
print([account.name for account in admin_list_accounts.sync(client=client).data])
print(admin_create_account.sync(client=client, body=AdminNewAccount("two words")).code)
"""
        (tmp_path / "program.py").write_text(program)
        assert run([python, "program.py"], tmp_path).splitlines() == [
            "0 0",
            "401",
            "['admin', 'reader']",
            "invalid_account",
        ]


def test_messages_of_the_watch_have_types(gateway: Gateway, tmp_path: Path) -> None:
    python = generated(gateway, tmp_path)
    (tmp_path / "program.py").write_text(at(gateway, documented.block(PAGE, "python", "The watch")))
    child = Child([python, "program.py"], log=tmp_path / "program.log", directory=tmp_path)
    try:
        wait_until(lambda: watchers(gateway) == 1, "the program watches", evidence=child.log)
        gateway.http.post("/instances", json=AGENT).raise_for_status()
        wait_until(lambda: child.lines() == ["runspec 5f0c registered"], "the change is printed", evidence=child.log)
    finally:
        child.close()


def watchers(gateway: Gateway) -> float:
    """How many watchers the gateway has."""
    [line] = re.findall(r"^registry_gateway_watchers (\S+)$", gateway.http.get("/metrics").text, re.M)
    return float(line)


def test_a_typescript_client_lists(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(node_packages() / "node_modules")
    (tmp_path / "package.json").write_text("{}")
    gateway.http.post("/instances", json=AGENT).raise_for_status()
    (tmp_path / "services.ts").write_text(at(gateway, documented.block(PAGE, "typescript")))
    commands = "".join(documented.blocks(PAGE, "sh", "TypeScript")).replace("http://localhost:8765", gateway.url)
    lines = [line for line in commands.splitlines() if not line.startswith("npm install")]  # as the lock file says
    said = [run(shlex.split(line), tmp_path) for line in lines]
    assert said[-1].splitlines() == ["runspec 5f0c up"]
