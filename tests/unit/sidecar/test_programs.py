"""Programs that are asked something: their output, their end, and their limit."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from registry_gateway.sidecar import health, programs
from registry_gateway.sidecar.children import Children
from registry_gateway.sidecar.programs import ProgramFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def children() -> AsyncIterator[Children]:
    """Children of this test, which are reaped."""
    children = Children()
    yield children
    children.close()


async def failure(children: Children, *command: str, within: float = 30.0, errors: bool = False) -> str:
    """The message of a program that must fail."""
    with pytest.raises(ProgramFailed) as caught:
        await programs.output(children, command, within, errors=errors)
    return str(caught.value)


async def test_the_output_is_returned(children: Children) -> None:
    assert await programs.output(children, ["sh", "-c", "echo out; echo err >&2"], 30) == b"out\n"
    assert await programs.output(children, ["sh", "-c", "echo out; echo err >&2"], 30, errors=True) == b"out\nerr\n"


async def test_much_output_is_returned_and_too_much_is_not(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    write = [sys.executable, "-c", "print('x' * 3_000_000)"]
    assert len(await programs.output(children, write, 30)) == 3_000_001
    monkeypatch.setattr(programs, "MOST_BYTES", 1_000_000)
    with pytest.raises(ProgramFailed, match="it writes more than"):
        await programs.output(children, write, 30)


async def test_a_failure_has_the_code_and_the_last_line(children: Children) -> None:
    assert await failure(children, "sh", "-c", "echo one; echo two >&2; exit 3", errors=True) == "sh ends with 3: two"
    assert await failure(children, "sh", "-c", "kill -9 $$") == "sh ends with -9"
    assert await failure(children, "nonesuch") == "can't start nonesuch: No such file or directory"
    assert "embedded null byte" in await failure(children, "sh", "\0")


async def test_a_program_that_takes_too_long_is_killed_with_its_children(children: Children, tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/pid; wait"
    assert await failure(children, "sh", "-c", script, within=0.5) == "sh takes longer than 0.5 s"
    await until_ended(tmp_path / "pid")


async def test_what_a_program_leaves_running_is_killed(children: Children, tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/pid; echo out"
    assert await programs.output(children, ["sh", "-c", script], 30) == b"out\n"
    await until_ended(tmp_path / "pid")


async def test_a_process_that_keeps_the_output_open_is_not_waited_for(children: Children, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"setsid sh -c 'echo out; echo $$ > {pid}; exec sleep 60' & until [ -s {pid} ]; do :; done"
    assert await programs.output(children, ["sh", "-c", script], 30) == b"out\n"
    os.kill(number_in(pid), signal.SIGKILL)


def number_in(file: Path) -> int:
    """The number of the process that is in a file."""
    return int(file.read_text())


async def until_ended(file: Path) -> None:
    """Wait until the process whose number is in a file has ended."""
    pid = number_in(file)
    async with asyncio.timeout(10):
        while _runs(pid):  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_health_check_is_a_program_that_ends_with_0(children: Children) -> None:
    assert await health.of_command(children, ["true"])() is None
    assert await health.of_command(children, ["sh", "-c", "echo full >&2; exit 1"])() == "sh ends with 1: full"


@pytest.mark.parametrize(
    ("command", "words"), [("runspec local", ["runspec", "local"]), ("a 'b c' \"d\"", ["a", "b c", "d"])]
)
async def test_command_lines_are_split_as_a_shell_does(command: str, words: list[str]) -> None:
    assert programs.words(command) == words


@pytest.mark.parametrize("command", ["", " ", "'"])
async def test_a_command_line_without_words_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"empty|No closing quotation"):
        programs.words(command)
