"""Completion in shells, by the lines of docs/cli.md."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
LINES = dict(re.findall(r"^\| (\w+)[^|]*\| `(.*_COMPLETE.*?)` in", (DOCS / "cli.md").read_text(), re.M))


def completed(words: str) -> list[str]:
    """What bash offers for the last of the words."""
    script = f"""
        {LINES["bash"]}
        COMP_WORDS=({words}) COMP_CWORD=$(({len(words.split())} - 1))
        $(complete -p registry-gateway | sed 's/.*-F \\([^ ]*\\).*/\\1/') registry-gateway
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.slow
def test_bash_completes_commands_options_and_values() -> None:
    assert completed("registry-gateway serv") == ["serve", "services"]
    assert completed("registry-gateway services wa") == ["wait"]
    assert completed("registry-gateway services list --st") == ["--status"]
    assert completed("registry-gateway services list --status d") == ["degraded", "down"]
    assert completed("registry-gateway services list --dialect C") == ["chap"]


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(shell: str) -> None:
    [line] = re.findall(r"_REGISTRY_GATEWAY_COMPLETE=\w+ registry-gateway", LINES[shell])
    done = subprocess.run(["bash", "-c", line], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    assert f"_REGISTRY_GATEWAY_COMPLETE={shell}_complete" in done.stdout
