"""The top-level command: commands are imported when they are looked up."""

import subprocess
import sys

import click
import pytest

from registry_gateway.cli import COMMANDS, main
from registry_gateway.cli.program import LazyCommands

HEAVY = ("sqlalchemy", "alembic", "starlette", "uvicorn", "httpx")


def test_the_command_line_imports_nothing_that_takes_long() -> None:
    program = f"import sys, registry_gateway.cli; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_command_has_the_name_under_which_it_is_found() -> None:
    assert main.commands is COMMANDS
    assert {name: command.name for name, command in COMMANDS.items()} == {name: name for name in COMMANDS}


def test_a_name_that_is_none_is_not_found() -> None:
    commands = LazyCommands({"sum": "builtins:sum"})
    assert commands.get("product") is None
    with pytest.raises(KeyError):
        commands["product"]


def test_help_lists_the_commands_with_their_short_helps() -> None:
    text = main.get_help(click.Context(main, info_name="registry-gateway", terminal_width=120))
    for name, command in COMMANDS.items():
        assert f"  {name} " in text
        assert command.get_short_help_str(20).removesuffix("...") in text
