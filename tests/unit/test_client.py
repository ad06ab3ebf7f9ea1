"""The package of the clients: its names, and what importing them imports."""

import subprocess
import sys

import pytest

from registry_gateway import client

SERVER = ("alembic", "sqlalchemy", "sse_starlette", "starlette", "uvicorn")


def test_all_names_are_there() -> None:
    assert [name for name in client.__all__ if getattr(client, name).__name__ != name] == []
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = client.Nothing


def test_importing_them_imports_no_server() -> None:
    program = f"""
import sys
from registry_gateway.client import *
assert AsyncCatalogue and Catalogue and Registration
print([module for module in {SERVER} if module in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
