"""`db … --json`: what programs read of migrations, backups and copies."""

import json
from pathlib import Path
from typing import Any

from registry_gateway.store import level
from tests.integration.command_line import output, register


def said(url: str, *arguments: str) -> dict[str, Any]:
    """The JSON of a command of `db`."""
    found: dict[str, Any] = json.loads(output(url, "db", *arguments, "--json"))
    return found


def test_migrations(tmp_path: Path) -> None:
    url, head = f"sqlite:///{tmp_path}/registry.db", level.NEWEST
    assert said(url, "upgrade") == {"migration": head}
    assert said(url, "current") == {"migration": head, "newest": head}
    assert said(url, "check") == {"migration": head, "up_to_date": True}
    assert said(url, "downgrade", "base") == {"migration": None}
    assert said(url, "current") == {"migration": None, "newest": head}


def test_backups_and_copies(sqlite_url: str, tmp_path: Path) -> None:
    register(sqlite_url, "chap", "my-model")
    database, file = tmp_path / "registry.db", tmp_path / "backup.db"
    made = said(sqlite_url, "backup", str(file))
    assert made == {
        "database": str(database),
        "file": str(file),
        "bytes": file.stat().st_size,
        "migration": level.NEWEST,
    }
    restored = said(sqlite_url, "restore", str(file))
    assert (restored["file"], restored["migration"]) == (str(file), level.NEWEST)
    assert Path(restored["previous"]).exists()
    other = f"sqlite:///{tmp_path}/other.db"
    output(other, "db", "upgrade")
    assert said(sqlite_url, "copy", sqlite_url, other)["rows"]["registrations"] == 1
