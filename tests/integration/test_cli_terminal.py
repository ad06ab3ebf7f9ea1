"""The output of commands on terminals, in other encodings, and into pipes that are closed."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command_line import output, register
from tests.integration.test_cli_serve import serving

COMMAND = [sys.executable, "-m", "registry_gateway"]


def environment(url: str, **more: str) -> dict[str, str]:
    """The environment of a command on the database at `url`."""
    return {"PATH": os.environ["PATH"], "REGISTRY_GATEWAY_DATABASE_URL": url, **more}


def on_terminal(url: str, *arguments: str, **more: str) -> bytes:
    """What a command prints on a terminal."""
    ours, its = pty.openpty()
    subprocess.run([*COMMAND, *arguments], env=environment(url, **more), stdout=its, check=False)
    os.close(its)
    printed = b""
    try:
        while piece := os.read(ours, 65_536):
            printed += piece
    except OSError:  # Linux says so where the other end is closed
        pass
    os.close(ours)
    return printed


@pytest.mark.slow
def test_no_color_is_respected(sqlite_url: str) -> None:
    output(sqlite_url, "services", "list")
    colored = on_terminal(sqlite_url, "doctor", REGISTRY_GATEWAY_HOST="0.0.0.0")
    plain = on_terminal(sqlite_url, "doctor", REGISTRY_GATEWAY_HOST="0.0.0.0", NO_COLOR="1")
    assert b"\x1b[33mwarning" in colored
    assert b"warning" in plain
    assert b"\x1b" not in plain


@pytest.mark.slow
def test_a_character_that_the_encoding_lacks_is_escaped_and_json_is_utf_8(sqlite_url: str) -> None:
    register(sqlite_url, "runspec", "mod\u00e8le-\u6a21", version="\u6a21")

    def printed(*arguments: str) -> bytes:
        other = environment(sqlite_url, PYTHONIOENCODING="latin-1")
        return subprocess.run([*COMMAND, *arguments], env=other, capture_output=True, check=True).stdout

    assert "mod\u00e8le-\\u6a21" in printed("services", "list").decode("latin-1")
    assert json.loads(printed("services", "list", "--json"))[0]["version"] == "\u6a21"
    assert json.loads(printed("events", "--json"))["key"] == "mod\u00e8le-\u6a21"


@pytest.mark.slow
def test_a_closed_pipe_ends_a_command_quietly(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    with serving(tmp_path) as gateway:
        for number in range(500):
            register(url, "runspec", f"agent-{number}")
        for arguments in (
            ["services", "list"],
            ["events"],
            ["export"],
            ["services", "list", "--json"],
            ["events", "--follow"],
        ):
            for target in ([], ["--url", gateway.url]):
                with subprocess.Popen(
                    [*COMMAND, *arguments, *target],
                    env=environment(url),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                ) as process:
                    assert process.stdout is not None
                    assert process.stderr is not None
                    process.stdout.close()
                    assert (process.wait(30), process.stderr.read()) == (1, b"")


@pytest.mark.slow
def test_a_gateway_at_an_address_of_ipv6(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "::") as gateway:
        register(f"sqlite:///{tmp_path}/registry.db", "chap", "my-model")
        port = gateway.url.rpartition(":")[2]
        for url in (f"http://[::1]:{port}", f"http://[::1]:{port}/"):
            assert "my-model" in output("sqlite:////nowhere/registry.db", "services", "list", "--url", url)
