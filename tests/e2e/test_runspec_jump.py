"""`runspec jump` and its forerunner `runspec run`: the clients that read the registry.

Neither is let connect by SSH: how far they get shows what the gateway told them.
"""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.child import clean_environment
from tests.e2e.clients import RUNSPEC_EARLY, RUNSPEC_LATEST, ClientEnvironment
from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.runspec_agent import AGENT

pytestmark = pytest.mark.slow

KEY = "runspec-key-c2f8b1"
FOUND = "Paramiko is required"
"""What the client says once it has found the tool on the host: it would connect now, but SSH is an extra."""

readers = pytest.mark.parametrize(
    ("environment", "command"),
    [pytest.param(RUNSPEC_LATEST, "jump", id="0.8.8"), pytest.param(RUNSPEC_EARLY, "run", id="0.4.0")],
)


def runspec(environment: ClientEnvironment, *arguments: str, directory: Path) -> str:
    """Run the client to its end; all it printed."""
    done = subprocess.run(
        [environment.executable("runspec"), *arguments],
        cwd=directory,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout


@pytest.fixture(scope="module", params=[False, True], ids=["open reads", "protected reads"])
def protected(request: pytest.FixtureRequest) -> bool:
    """Whether the gateway asks for the key on reads too."""
    return bool(request.param)


@pytest.fixture(scope="module")
def gateway(protected: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway on which one agent is registered."""
    directory = tmp_path_factory.mktemp("jump")
    settings = {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": KEY} | (
        {"REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"} if protected else {}
    )
    with running_gateway(directory, settings) as gateway:
        if protected:
            gateway.http.headers["X-API-Key"] = KEY
        agent = AGENT.start(gateway, directory / "agent", "portal", KEY)
        try:
            agent.wait_until_listed()
            yield gateway
        finally:
            agent.child.close()


def test_the_tools_are_listed_with_their_hosts(gateway: Gateway, protected: bool, tmp_path: Path) -> None:
    # From the project's file: `jump --registry URL` without a tool takes the URL for the tool's name.
    (tmp_path / "runspec.toml").write_text(f'[config]\nregistry = "{gateway.url}"\n', encoding="utf-8")

    output = runspec(RUNSPEC_LATEST, "jump", directory=tmp_path)

    if protected:  # and for the same reason a list cannot be asked for with a key
        assert "Registry returned 403" in output
    else:
        listed = [line.split() for line in output.splitlines()]
        hosts = ["hosts:", socket.gethostname()]
        assert ["rotate", "Rotate", "the", "logs"] in listed
        assert ["restart", "Restart", "the", "portal"] in listed
        assert listed.count(hosts) == 2


@readers
def test_a_tool_is_found_on_its_host(
    gateway: Gateway, environment: ClientEnvironment, command: str, tmp_path: Path
) -> None:
    where = ["--host", socket.gethostname(), "--registry", gateway.url, "--registry-key", KEY]

    assert FOUND in runspec(environment, command, "rotate", *where, directory=tmp_path)


@readers
def test_a_tool_is_not_found_on_another_host(
    gateway: Gateway, environment: ClientEnvironment, command: str, tmp_path: Path
) -> None:
    where = ["--host", "elsewhere", "--registry", gateway.url, "--registry-key", KEY]

    output = runspec(environment, command, "rotate", *where, directory=tmp_path)

    assert "Host 'elsewhere' not found for tool 'rotate'" in output


@readers
def test_an_unknown_tool_is_a_404(
    gateway: Gateway, environment: ClientEnvironment, command: str, tmp_path: Path
) -> None:
    where = ["--host", socket.gethostname(), "--registry", gateway.url, "--registry-key", KEY]

    output = runspec(environment, command, "no_such_tool", *where, directory=tmp_path)

    assert "Registry returned 404" in output


def test_a_key_is_needed_where_reads_are_protected(gateway: Gateway, protected: bool, tmp_path: Path) -> None:
    where = ["--host", socket.gethostname(), "--registry", gateway.url]

    output = runspec(RUNSPEC_LATEST, "jump", "rotate", *where, directory=tmp_path)

    assert ("Registry returned 403" if protected else FOUND) in output
