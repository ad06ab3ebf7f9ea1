"""The call of the command line that messages show."""

import os
import sys
from pathlib import Path

import pytest

from registry_gateway.cli.invocation import call, call_on


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An installed program in a directory that is not on the path."""
    file = tmp_path / "my programs" / "registry-gateway"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_a_program_on_the_path_is_called_by_its_name(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(program), "serve"])
    assert call() == f"'{program}'"
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    assert call() == "registry-gateway"


def test_a_module_is_called_by_its_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/registry_gateway/__main__.py", "serve"])
    assert call() == f"{sys.executable} -m registry_gateway"


def test_the_database_of_an_option_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["__main__.py"])
    assert call_on(None) == call()
    assert call_on("sqlite:////my data/r.db") == f"REGISTRY_GATEWAY_DATABASE_URL='sqlite:////my data/r.db' {call()}"
    assert call_on("postgresql://registry:secret@db/registry") == f"REGISTRY_GATEWAY_DATABASE_URL='…' {call()}"
