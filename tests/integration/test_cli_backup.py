"""`db backup` and `db restore`: copies of a SQLite database, and what is refused."""

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import complaint, output, register


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """The database file of `sqlite_url`."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def backup(tmp_path: Path, sqlite_url: str) -> Path:
    """A backup with one service in it; another has registered since."""
    register(sqlite_url, "chap", "before")
    file = tmp_path / "backup.db"
    output(sqlite_url, "db", "backup", str(file))
    register(sqlite_url, "chap", "since")
    return file


def names(url: str) -> list[str]:
    listed = output(url, "services", "list")
    return [line.split()[0] for line in listed.splitlines()[1:]]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection as a gateway holds it: with the write-ahead log, and idle."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("SELECT * FROM presence").fetchall()
    try:
        yield connection
    finally:
        connection.close()


def test_a_backup_has_everything_also_what_is_in_the_log_alone(sqlite_url: str, path: Path, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    with opened(path) as connection:
        register(sqlite_url, "chap", "before")
        connection.execute("BEGIN IMMEDIATE")  # a writer at work holds nothing up
        said = output(sqlite_url, "db", "backup", str(file))
        connection.execute("ROLLBACK")
    assert said.startswith(f"{path} is backed up in {file} (")
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(found.name for found in tmp_path.iterdir() if "backup" in found.name) == ["backup.db"]
    assert names(f"sqlite:///{file}") == ["before"]


def test_a_backup_overwrites_nothing(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    file.write_text("precious")
    assert complaint(sqlite_url, "db", "backup", str(file)).startswith(f"{file} exists already")
    assert file.read_text() == "precious"
    missing = tmp_path / "nowhere" / "backup.db"
    assert complaint(sqlite_url, "db", "backup", str(missing)) == f"can't write {missing}: No such file or directory"
    assert "there is no database" in complaint(f"sqlite:///{tmp_path}/none.db", "db", "backup", str(tmp_path / "b"))


def test_a_restore_brings_back_what_was_and_keeps_what_is(sqlite_url: str, path: Path, backup: Path) -> None:
    path.chmod(0o640)
    said = output(sqlite_url, "db", "restore", str(backup))
    assert names(sqlite_url) == ["before"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert "Tokens that were revoked since the backup are valid again" in said
    [kept] = path.parent.glob("registry.db.replaced-*Z")
    assert f"The previous database is kept: {kept}" in said
    assert sorted(names(f"sqlite:///{kept}")) == ["before", "since"]
    assert backup.exists()


def test_no_log_of_the_old_database_is_left_beside_the_new_one(sqlite_url: str, path: Path, backup: Path) -> None:
    with opened(path):
        register(sqlite_url, "chap", "in-the-log")
        left = Path(f"{path}-wal").read_bytes()
    Path(f"{path}-wal").write_bytes(left)  # as after a SIGKILL
    output(sqlite_url, "db", "restore", str(backup))
    assert not Path(f"{path}-wal").exists()
    assert names(sqlite_url) == ["before"]
    [log] = path.parent.glob("registry.db.replaced-*Z-wal")
    assert log.read_bytes() == left
    output(sqlite_url, "db", "check")


def test_a_restore_without_a_database_makes_one(tmp_path: Path, backup: Path) -> None:
    Path(f"{tmp_path}/new.db-wal").write_bytes(b"of a database that was deleted")
    said = output(f"sqlite:///{tmp_path}/new.db", "db", "restore", str(backup))
    assert "is kept" not in said
    assert names(f"sqlite:///{tmp_path}/new.db") == ["before"]
    assert Path(f"{tmp_path}/new.db").stat().st_mode & 0o777 == 0o600


def test_a_restore_over_a_damaged_database(sqlite_url: str, path: Path, backup: Path) -> None:
    path.write_bytes(b"damaged" * 1000)
    output(sqlite_url, "db", "restore", str(backup))
    assert names(sqlite_url) == ["before"]


def test_nothing_is_restored_while_a_process_has_the_database_open(sqlite_url: str, path: Path, backup: Path) -> None:
    program = f"""
import sqlite3, sys
connection = sqlite3.connect({str(path)!r})
connection.execute("PRAGMA journal_mode=WAL").fetchall()
connection.execute("SELECT * FROM presence").fetchall()
print("open", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        message = complaint(sqlite_url, "db", "restore", str(backup))
        other.communicate("", timeout=20)
    assert message == f"a process has {path} open; first stop the gateway and commands that use the database"
    assert sorted(names(sqlite_url)) == ["before", "since"]
    assert list(path.parent.glob(".*unfinished")) == list(path.parent.glob("*replaced*")) == []


def test_what_is_no_backup_is_not_restored(sqlite_url: str, path: Path, tmp_path: Path, backup: Path) -> None:
    text, other, empty = tmp_path / "text", tmp_path / "other.db", tmp_path / "empty"
    text.write_text("no database" * 100)
    empty.touch()
    with contextlib.closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE other (id INTEGER)")
    newer, damaged = tmp_path / "newer.db", tmp_path / "damaged.db"
    newer.write_bytes(backup.read_bytes())
    with contextlib.closing(sqlite3.connect(newer, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    content = bytearray(backup.read_bytes())
    with contextlib.closing(sqlite3.connect(backup)) as connection:
        [(page,)] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'registrations'")
    content[4096 * (page - 1) : 4096 * page] = bytes(4096)  # a page that does not describe the tables
    damaged.write_bytes(content)
    for file, complaint_of in (
        (text, "it is not a SQLite database"),
        (other, "not a database of registry-gateway"),
        (empty, "not a database of registry-gateway"),
        (newer, "migration 9999, which this version does not know"),
        (damaged, "malformed"),
        (tmp_path / "none", "there is no file"),
        (path, "is the database itself"),
    ):
        message = complaint(sqlite_url, "db", "restore", str(file))
        assert str(file) in message
        assert complaint_of in message
    assert sorted(names(sqlite_url)) == ["before", "since"]
    assert list(path.parent.glob(".*unfinished")) == []


def test_an_older_backup_names_the_next_command(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    output(sqlite_url, "db", "downgrade", "0004")
    output(sqlite_url, "db", "backup", str(file))
    output(sqlite_url, "db", "upgrade")
    said = output(sqlite_url, "db", "restore", str(file))
    assert "It is behind this version; run: registry-gateway db upgrade" in said


@pytest.mark.parametrize(("command", "tool"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_postgresql_has_tools_of_its_own(tmp_path: Path, command: str, tool: str) -> None:
    message = complaint("postgresql://registry:hunter2@db/registry", "db", command, str(tmp_path / "file"))
    assert message.startswith(f"db {command} is for SQLite; for PostgreSQL use {tool} ")
