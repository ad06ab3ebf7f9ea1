"""What the command imports, and its options in the document."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from registry_gateway.sidecar.command import sidecar

PROGRAM = """
import sys
from registry_gateway.cli import COMMANDS
COMMANDS["sidecar"]
heavy = ("sqlalchemy", "alembic", "starlette", "uvicorn", "pydantic", "mcp", "yaml")
print([name for name in heavy if name in sys.modules])
"""


def test_it_imports_no_server_and_no_database() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_document_has_its_options() -> None:
    text = (Path(__file__).parents[3] / "docs" / "sidecar.md").read_text()
    table = text.partition("| Option | Meaning |")[2].partition("\n\n")[0]
    documented = {option for row in table.splitlines() for option in re.findall(r"`(--[a-z-]+)", row.split(" | ")[0])}
    assert documented == {parameter.opts[0] for parameter in sidecar.params if parameter.opts[0].startswith("--")}


@pytest.mark.parametrize(("option", "least"), [("--interval", "0.1"), ("--stop-timeout", "0")])
@pytest.mark.parametrize("seconds", ["nan", "inf", "-inf", "-1", "1e400", "1e10"])
def test_what_is_no_time_is_refused(option: str, least: str, seconds: str) -> None:
    done = CliRunner().invoke(sidecar, ["--to", "http://g", "--dialect", "chap", option, seconds])
    assert done.exit_code == 2
    assert f"Invalid value for '{option}': it must be from {least} to 1,000,000,000 seconds, not " in done.output
