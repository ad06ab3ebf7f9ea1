"""How this command line is called, as it can be typed in this installation."""

import shlex
import shutil
import sys
from pathlib import Path

from registry_gateway.cli.program import NAME
from registry_gateway.settings import PREFIX
from registry_gateway.store.postgresql import libpq


def call() -> str:
    """Return the call of this program: its name if that is on the path, else its file, or Python with its module."""
    program = Path(sys.argv[0])
    if program.name != NAME:
        return f"{shlex.quote(sys.executable)} -m registry_gateway"
    found = shutil.which(NAME)
    if found is not None and program.exists() and Path(found).samefile(program):
        return NAME
    return shlex.quote(str(program.absolute()))


def call_on(database_url: str | None) -> str:
    """Return the call for the database of an option; None: that of the environment. A password is not repeated."""
    if database_url is None:
        return call()
    shown = database_url if libpq.masked(database_url) == database_url else "…"
    return f"{PREFIX}DATABASE_URL={shlex.quote(shown)} {call()}"
