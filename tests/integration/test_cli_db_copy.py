"""`registry-gateway db copy`, as an administrator runs it. What is copied is in tests/contract/test_transfer.py."""

import re
from pathlib import Path

from tests.integration.command_line import complaint, output, register


def test_a_registry_is_copied_and_counted(sqlite_url: str, postgresql_url: str) -> None:
    register(sqlite_url, "chap", "my-model")
    printed = output(sqlite_url, "db", "copy", sqlite_url, postgresql_url)
    assert re.search(r"^ +1  registrations$", printed, re.M)
    assert "my-model" in output(postgresql_url, "services", "list")


def test_what_can_not_be_copied_is_said_in_one_line(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    register(postgresql_url, "chap", "my-model")
    register(sqlite_url, "chap", "another")
    assert "the target is not empty" in complaint(sqlite_url, "db", "copy", sqlite_url, postgresql_url)
    assert "is not supported" in complaint(sqlite_url, "db", "copy", sqlite_url, "mysql://root@localhost/x")
    missing = f"sqlite:///{tmp_path}/missing.db"
    assert "there is no database" in complaint(sqlite_url, "db", "copy", missing, postgresql_url)
    assert "the target can't be used" in complaint(sqlite_url, "db", "copy", sqlite_url, f"sqlite:///{tmp_path}/new.db")
