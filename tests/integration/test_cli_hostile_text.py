"""What services choose, printed by the commands: it moves no cursor, forges no line, and JSON still says it."""

import ast
import json
import logging
from pathlib import Path

import anyio
import pytest

import registry_gateway.cli
from registry_gateway import adapter, settings
from registry_gateway.app import open_core
from registry_gateway.cli.program import show_defect
from registry_gateway.core.commands import Register
from registry_gateway.core.model import Actor
from tests.integration.command_line import command, complaint, output

EVIL = "k\x1b[2J\x9b2J\x85\u2028\u202e\x7f\U000e0001"
SUBSCRIBER = EVIL.replace("\x1b", "").replace("\x7f", "")
"""A subscriber has no control characters of ASCII."""

TOKEN = "rgw_0123456789abcdef_8aV-x_CqRrY0yqzq7X1b7a5m4uQmD3wq2l9sT6kWc0o"


def register(url: str) -> None:
    """Register a service of which all that it chooses is hostile."""

    async def work() -> None:
        adapters = adapter.installed()
        core, _ = open_core(settings.load(adapters, {"REGISTRY_GATEWAY_DATABASE_URL": url}), adapters)
        await core.registry.register(
            Register(
                dialect="runspec",
                key=EVIL,
                name=f"name{EVIL}",
                version=f"version{EVIL}",
                ttl=3600,
                document=json.dumps({"a": EVIL, EVIL: 1}, ensure_ascii=False, indent=1).encode(),
                mode="replace",
                actor=Actor("test", f"from{EVIL}"),
                address=f"no-such-host.invalid{EVIL}",
                approved=False,
            )
        )
        await core.registry.close()

    anyio.run(work)


def lines(text: str) -> list[str]:
    """The lines of what was printed, each of which is fit to be shown."""
    assert text.endswith("\n")
    found = text[:-1].split("\n")
    for line in found:
        assert line.isprintable(), line
    return found


def test_for_people(sqlite_url: str) -> None:
    register(sqlite_url)
    for arguments in (
        ("services", "list"),
        ("services", "show", EVIL),
        ("services", "approve", EVIL),
        ("subscriptions", "add", EVIL, f"tenant{SUBSCRIBER}"),
        ("subscriptions", "list"),
        ("subscriptions", "cancel", "1"),
        ("events",),
        ("services", "remove", EVIL, "--reason", EVIL),
        ("services", "show", EVIL),
        ("accounts", "create", "a", "--slug", "b"),
        ("accounts", "list"),
        ("accounts", "revoke", "a"),
    ):
        assert lines(output(sqlite_url, *arguments))


def test_the_doctor(sqlite_url: str) -> None:
    register(sqlite_url)
    found = command(sqlite_url, "doctor", REGISTRY_GATEWAY_HOST="127.0.0.1")
    assert found.exit_code == 1
    assert lines(found.stdout)


def test_as_json(sqlite_url: str, tmp_path: Path) -> None:
    register(sqlite_url)
    [listed] = json.loads("".join(lines(output(sqlite_url, "services", "list", "--json"))))
    assert (listed["key"], listed["name"]) == (EVIL, f"name{EVIL}")
    shown = json.loads("".join(lines(output(sqlite_url, "services", "show", EVIL, "--json"))))
    assert shown["document"] == {"a": EVIL, EVIL: 1}
    [event] = lines(output(sqlite_url, "events", "--json"))
    assert json.loads(event)["client_address"] == f"from{EVIL}"
    exported = lines(output(sqlite_url, "export", "--events"))
    assert [json.loads(line)["key"] for line in exported] == [EVIL, EVIL]
    assert json.loads(exported[0])["document"] == {"a": EVIL, EVIL: 1}
    target = tmp_path / "registry.jsonl"
    output(sqlite_url, "export", "--events", "--output", str(target))
    assert target.read_text().replace("\n", "").isprintable()
    added = json.loads("".join(lines(output(sqlite_url, "subscriptions", "add", EVIL, SUBSCRIBER, "--json"))))
    assert added["subscriber"] == SUBSCRIBER
    assert json.loads("".join(lines(output(sqlite_url, "subscriptions", "list", "--json"))))[0]["key"] == EVIL
    found = command(sqlite_url, "doctor", "--json", REGISTRY_GATEWAY_HOST="127.0.0.1")
    assert json.loads("".join(lines(found.stdout)))["findings"][0]["key"] == EVIL


@pytest.mark.parametrize(
    "arguments",
    [
        ("services", "show", EVIL),
        ("services", "approve", EVIL),
        ("services", "remove", EVIL),
        ("services", "list", "--dialect", EVIL),
        ("subscriptions", "add", EVIL, "x"),
        ("accounts", "revoke", EVIL),
        ("accounts", "rotate", EVIL),
        ("accounts", "create", EVIL),
        ("accounts", "create", "a", "--expires", EVIL),
        ("import", "--from", EVIL, "http://x"),
        ("db", "upgrade", EVIL),
        (EVIL,),
        ("events", f"--{EVIL}"),
    ],
)
def test_errors(sqlite_url: str, arguments: tuple[str, ...]) -> None:
    assert complaint(sqlite_url, *arguments).isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ("services", "show", TOKEN),
        ("services", "approve", TOKEN),
        ("services", "list", "--dialect", TOKEN),
        ("subscriptions", "add", TOKEN, "x"),
        ("accounts", "revoke", TOKEN),
        ("accounts", "rotate", TOKEN),
        ("accounts", "create", TOKEN),
        (TOKEN,),
    ],
)
def test_a_token_in_the_place_of_a_name_is_not_repeated(sqlite_url: str, arguments: tuple[str, ...]) -> None:
    result = command(sqlite_url, *arguments)
    assert result.exit_code == 2
    assert "8aV-x" not in result.output


def test_the_traceback_of_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    show_defect(ValueError, ValueError(f"{EVIL} {TOKEN}"), None)
    [line] = lines(capsys.readouterr().err)
    assert line.startswith("ValueError: k")
    assert "8aV-x" not in line


def test_a_warning_while_a_command_runs(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    output(sqlite_url, "services", "list")
    handler = logging.lastResort
    assert handler is not None
    handler.handle(logging.makeLogRecord({"levelno": logging.WARNING, "msg": f"not written: {EVIL} {TOKEN}"}))
    [line] = lines(capsys.readouterr().err)
    assert "8aV-x" not in line


def test_all_is_printed_by_one_function() -> None:
    """`output.py` prints: it escapes what is not printable."""
    paths = sorted(Path(registry_gateway.cli.__file__).parent.glob("*.py"))
    assert "output.py" in [path.name for path in paths]
    for path in paths:
        used = [n.attr for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Attribute)]
        names = [n.id for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Name)]
        allowed = {"style", "echo"} if path.name == "output.py" else set()
        assert not {"echo", "secho", "style", "echo_via_pager"}.intersection(used) - allowed, path
        assert "print" not in names, path
