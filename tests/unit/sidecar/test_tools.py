"""Tools from files: their form, and when they have changed."""

import asyncio
import json
import logging
import signal
from pathlib import Path

import pytest

from registry_gateway.client.registration.dialect import Tools
from registry_gateway.sidecar import tools
from registry_gateway.sidecar.tools import ToolList, Unreadable

TOOL = {"name": "uptime", "inputSchema": {"type": "object"}}


def test_a_list_and_an_object_with_a_list_are_read() -> None:
    assert tools.parsed(json.dumps([TOOL]).encode()) == [TOOL]
    assert tools.parsed(json.dumps({"tools": [TOOL], "nextCursor": None}).encode()) == [TOOL]
    assert tools.parsed(b'{"tools": []}') == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"No runnables found.\nInstall one.", "this is no JSON: No runnables found."),
        (b"\xff", "this is no JSON"),
        (b"[" * 100_000, "this is no JSON"),
        (b"{}", "it must be a list of tools"),
        (b'{"tools": {}}', "it must be a list of tools"),
        (b'[{"name": ""}]', "it must be a list of tools"),
        (b'["uptime"]', "it must be a list of tools"),
    ],
)
def test_anything_else_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        tools.parsed(content)


@pytest.mark.anyio
async def test_tools_are_returned_when_they_have_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tools.json"
    listed = ToolList(tools.of_file(file))
    assert await listed.changed() is None
    assert await listed.changed() is None
    file.write_text(json.dumps([TOOL]))
    assert await listed.changed() == [TOOL]
    assert await listed.changed() is None
    file.write_text("broken")
    assert await listed.changed() is None
    file.write_text("[]")
    assert await listed.changed() == []
    warnings = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2, "each trouble is said once"


@pytest.mark.anyio
async def test_sighup_makes_it_look_at_once(tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    file.write_text("[]")
    listed = ToolList(tools.of_file(file))
    assert await listed.changed() == []
    advertised: asyncio.Queue[Tools] = asyncio.Queue()
    following = asyncio.create_task(listed.follow(advertised.put_nowait))
    file.write_text(json.dumps([TOOL]))
    listed.received(signal.SIGUSR1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(advertised.get(), 0.2)
    listed.received(signal.SIGHUP)
    assert await asyncio.wait_for(advertised.get(), 10) == [TOOL]
    following.cancel()
