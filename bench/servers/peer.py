"""The peer: runspec-registry from PyPI, in an environment of its own that is kept in `.clients/`."""

import subprocess
import sys
from functools import cache
from pathlib import Path

REQUIREMENT = "runspec-registry==0.1.1"
NOTES = (
    f"{REQUIREMENT}: started by its own command; its rate limit by address is off, since all load comes from one",
    "chap-core: left out, its registry on Redis is not on PyPI",
)

_HOME = Path(__file__).resolve().parents[2] / ".clients" / "runspec-registry-0.1.1"


@cache
def python() -> Path:
    """Return the interpreter that has the peer installed, after installing it if that was not done yet.

    Raises:
        subprocess.CalledProcessError: pip could not install it; it has said why.
    """
    interpreter = _HOME / "bin" / "python"
    done = _HOME / ".installed"  # written last: an installation that was interrupted is done again
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", _HOME], check=True)
        pip: list[str | Path] = [interpreter, "-m", "pip", "install", "-qq", "--disable-pip-version-check", REQUIREMENT]
        subprocess.run(pip, check=True)
        done.touch()
    return interpreter
