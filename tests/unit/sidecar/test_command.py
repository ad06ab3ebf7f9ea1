"""What the command imports."""

import subprocess
import sys

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
