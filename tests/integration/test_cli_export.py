"""`registry-gateway export`: a line for everything, of one instant, whole or not at all."""

import json
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from registry_gateway.bulk import exporting
from registry_gateway.store import all_rows
from tests.conftest import START, GatewayFactory
from tests.integration import chap_service, runspec_agent
from tests.integration.command_line import command, complaint, output, register


def exported(url: str, *options: str) -> list[dict[str, Any]]:
    """The lines."""
    return [json.loads(line) for line in output(url, "export", *options).splitlines()]


@pytest.mark.anyio
async def test_a_line_has_all_there_is(start_gateway: GatewayFactory, database_url: str) -> None:
    async with start_gateway(database_url) as client:
        await chap_service.register(client, later={"a": [1, "ü"]})
        await runspec_agent.register(client)
        await runspec_agent.post_tools(client, "a1", {"name": "rotate", "x-command": "r"})
        await client.delete("/instances/a1")
        [agent] = (await client.get("/instances?active=false")).json()
    chap, runspec = await anyio.to_thread.run_sync(exported, database_url)
    at = chap["registered_at"]
    assert at == START
    assert chap == {
        "type": "registration",
        "dialect": "chap",
        "key": "my-model",
        "name": "My model",
        "version": "1.0.0",
        "address": chap_service.URL,
        "owner": None,
        "status": chap["status"],
        "reported": None,
        "approved_at": at,
        "registered_at": at,
        "updated_at": at,
        "lease": {
            "alive": chap["lease"]["alive"],
            "ttl": 30,
            "granted_at": at,
            "heartbeat_at": None,
            "last_seen": at,
            "expires_at": at + 30,
        },
        "tools": [],
        "document": {
            "id": "my-model",
            "url": chap_service.URL,
            "info": {**chap_service.PLAIN, "later": {"a": [1, "ü"]}, "version": "1.0.0"},
        },
        "tools_document": None,
    }
    assert (runspec["key"], runspec["status"], runspec["tools_document"]) == ("a1", "gone", agent["tools"])
    assert runspec["tools"] == ["rotate"]


def test_events_follow_the_registrations(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_rows, "CHUNK", 2)
    for number in range(5):
        register(database_url, "chap", f"m{number}")
    register(database_url, "runspec", "agent")
    lines = exported(database_url, "--events")
    assert [line["type"] for line in lines] == ["registration"] * 6 + ["event"] * 6
    assert [line["key"] for line in lines[:6]] == ["m0", "m1", "m2", "m3", "m4", "agent"]
    assert [line["id"] for line in lines[6:]] == sorted(line["id"] for line in lines[6:])
    of_runspec = exported(database_url, "--events", "--dialect", "runspec")
    assert [(line["type"], line["key"]) for line in of_runspec] == [("registration", "agent"), ("event", "agent")]


def test_an_empty_registry_has_no_lines(database_url: str) -> None:
    assert exported(database_url) == []


def test_a_file_is_there_when_all_of_it_is(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(sqlite_url, "chap", "my-model")
    target = tmp_path / "out" / "registry.jsonl"
    expected = f"can't write {target}: No such file or directory"
    assert complaint(sqlite_url, "export", "--output", str(target)) == expected
    target.parent.mkdir()
    assert output(sqlite_url, "export", "--output", str(target)) == ""
    content = target.read_bytes()
    assert json.loads(content)["key"] == "my-model"

    register(sqlite_url, "runspec", "agent")
    made = exporting._line

    def full_disk(*arguments: Any) -> Any:
        if arguments[0][0].key == "agent":
            raise OSError("no space left")
        return made(*arguments)

    monkeypatch.setattr(exporting, "_line", full_disk)
    assert complaint(sqlite_url, "export", "--output", str(target)) == "no space left"
    assert list(target.parent.iterdir()) == [target]
    assert target.read_bytes() == content


def test_no_database(tmp_path: Path) -> None:
    assert "there is no database" in complaint(f"sqlite:///{tmp_path}/none.db", "export")
    result = command("postgresql://postgres@127.0.0.1:1/none", "export")
    assert (result.exit_code, result.stdout) == (2, "")
