"""A SQLite file that is lost under the program, or can't be used: what is refused, and what is said."""

import getpass
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import presence
from tests.conftest import START, GatewayFactory
from tests.integration.command_line import complaint, output, register
from tests.integration.runspec_agent import AGENT

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """The database file of `sqlite_url`."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


# --- lost while in use


async def refused(store: Store) -> str:
    """What a transaction of each kind is refused with: the same."""
    said = set()
    for run in (store.write, store.find, store.scan, store.read):
        with pytest.raises(StoreUnavailable) as error:
            await run(presence.last)
        said.add(str(error.value))
    [message] = said
    return message


def move(source: Path, target: Path) -> None:
    source.rename(target)


def files(directory: Path) -> list[str]:
    return [found.name for found in directory.iterdir()]


def remove(path: Path) -> None:
    path.unlink()


def present_at(path: Path) -> float | None:
    connection = sqlite3.connect(path)
    try:
        found: float | None = connection.execute("SELECT max(present_at) FROM presence").fetchone()[0]
        return found
    finally:
        connection.close()


async def test_nothing_is_written_to_a_file_that_was_moved_away_until_it_is_back(sqlite_url: str, path: Path) -> None:
    store = Store(sqlite_url)
    await store.write(lambda c: presence.resume(c, START, 2.5))
    away = path.with_name("away.db")
    move(path, away)
    with pytest.raises(StoreUnavailable, match=rf"{path} was deleted or moved away"):
        await store.write(lambda c: presence.resume(c, START + 1, 2.5))
    assert f"{path} was deleted or moved away while in use" in await refused(store)
    with pytest.raises(StoreUnavailable):
        await store.checkpoint()
    assert path.name not in files(path.parent)  # no connection has made an empty one

    move(away, path)
    assert await store.find(presence.last) == START  # a refusal changes nothing
    await store.write(lambda c: presence.resume(c, START + 2, 2.5))
    await store.close()
    assert present_at(path) == START + 2


async def test_nothing_is_written_to_a_file_that_was_replaced(sqlite_url: str, path: Path) -> None:
    store = Store(sqlite_url)
    await store.write(lambda c: presence.resume(c, START, 2.5))
    other = path.with_name("other.db")
    shutil.copyfile(path, other)
    other.replace(path)
    message = await refused(store)
    assert f"{path} was replaced by another file" in message
    assert "registry-gateway db restore FILE" in message
    await store.close()


@pytest.mark.parametrize("end", ["-wal", "-shm"])
async def test_the_log_that_was_removed_is_noticed_and_nothing_is_lost(sqlite_url: str, path: Path, end: str) -> None:
    store = Store(sqlite_url)
    await store.write(lambda c: presence.resume(c, START, 2.5))
    remove(Path(f"{path}{end}"))
    with pytest.raises(StoreUnavailable, match=rf"{path}{end} was deleted"):
        await store.checkpoint()
    assert "SIGTERM" in await refused(store)
    await store.close()
    assert present_at(path) == START


async def test_other_connections_come_and_go_and_nothing_is_noticed(sqlite_url: str, path: Path) -> None:
    store = Store(sqlite_url)
    for now in (START, START + 1):
        await store.write(lambda c, now=now: presence.resume(c, now, 2.5))  # type: ignore[misc] # the default binds it
        assert present_at(path) == now
        await store.checkpoint()
    await store.close()
    again = Store(sqlite_url)
    await again.write(lambda c: presence.resume(c, START + 2, 2.5))
    await again.close()


async def test_a_write_that_meets_the_loss_is_a_503_and_the_gateway_is_not_ready(
    start_gateway: GatewayFactory, sqlite_url: str, path: Path
) -> None:
    async with start_gateway(sqlite_url) as client:
        assert (await client.post("/instances", json=AGENT)).status_code == 201
        remove(path)
        assert (await client.post("/instances", json={**AGENT, "instance_id": "late"})).status_code == 503
        assert (await client.get("/instances")).status_code == 503
        ready = await client.get("/health/ready")
        assert ready.status_code == 503


# --- what can't be used


def test_a_missing_file_is_named_and_another_one_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    message = complaint("sqlite:///none.db", "services", "list")
    assert message == (
        f"there is no database {tmp_path}/none.db; is another one meant? Name it with --database-url or "
        "REGISTRY_GATEWAY_DATABASE_URL. To make this one, run: registry-gateway db upgrade"
    )


@pytest.mark.parametrize("arguments", [["db", "upgrade"], ["services", "list"], ["serve"]])
@pytest.mark.parametrize(
    ("name", "flaw"), [("directory", "it is a directory"), ("text", "it is not a SQLite database")]
)
def test_what_is_no_database_is_named(tmp_path: Path, arguments: list[str], name: str, flaw: str) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "text").write_text("hello " * 1000)
    message = complaint(f"sqlite:///{tmp_path / name}", *arguments, REGISTRY_GATEWAY_PORT="0")
    assert message == f"the database {tmp_path / name} can't be used: {flaw}"


@pytest.mark.parametrize("arguments", [["db", "upgrade"], ["serve"]])
def test_a_directory_that_is_not_there_is_named(tmp_path: Path, arguments: list[str]) -> None:
    message = complaint(f"sqlite:///{tmp_path}/none/r.db", *arguments, REGISTRY_GATEWAY_PORT="0")
    assert message == f"the database {tmp_path}/none/r.db can't be used: there is no directory {tmp_path}/none"


@pytest.fixture
def locked_away(path: Path, sqlite_url: str) -> Iterator[Path]:
    """The database with a service in it, which can't be written to, in a directory that can't either."""
    register(sqlite_url, "chap", "my-model")
    path.chmod(0o444)
    path.parent.chmod(0o555)
    try:
        yield path
    finally:
        path.parent.chmod(0o755)


def bound_by_permissions(check: str, *arguments: str) -> None:
    """Call a function of this module in a process that permissions bind: root's own rights are taken from it."""
    prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    if prefix and (shutil.which("setpriv") is None or subprocess.run([*prefix, "true"], check=False).returncode):
        pytest.skip("root writes where it likes, and setpriv, which takes that right from it, does not work here")
    call = f"from {__name__} import {check}; {check}(*{arguments!r})"
    done = subprocess.run(
        [*prefix, sys.executable, "-c", call], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_copy_that_cannot_be_written_to_can_be_read(locked_away: Path, sqlite_url: str) -> None:
    bound_by_permissions("read_a_copy", sqlite_url)
    assert files(locked_away.parent) == [locked_away.name]


def read_a_copy(url: str) -> None:
    for arguments in (["services", "list"], ["services", "show", "my-model"], ["events"], ["export", "--events"]):
        assert "my-model" in output(url, *arguments)
    assert "up to date" in output(url, "db", "check")


def test_what_wants_to_write_says_why_it_cannot(locked_away: Path, sqlite_url: str) -> None:
    bound_by_permissions("be_refused", sqlite_url, str(locked_away))


def be_refused(url: str, path: str) -> None:
    directory = Path(path).parent
    for arguments in (["services", "remove", "my-model"], ["db", "downgrade", "base"], ["serve"]):
        message = complaint(url, *arguments, REGISTRY_GATEWAY_PORT="0")
        assert message.startswith(f"the database {path} can't be used: the directory {directory} can't be written to")
        assert f"mode 0555, owner {getpass.getuser()}" in message


@pytest.mark.slow
def test_a_file_that_cannot_be_written_to_in_a_directory_that_can(path: Path, sqlite_url: str) -> None:
    register(sqlite_url, "chap", "my-model")
    path.chmod(0o444)
    bound_by_permissions("be_refused_a_file", sqlite_url, str(path))


def be_refused_a_file(url: str, path: str) -> None:
    message = complaint(url, "services", "remove", "my-model")
    assert message.startswith(f"the database {path} can't be used: it can't be written to (mode 0444, owner ")
    assert "my-model" in output(url, "services", "list")


@pytest.mark.slow
def test_a_copy_with_its_log_is_read_with_it(tmp_path: Path, path: Path, sqlite_url: str) -> None:
    """As `cp -r` of a directory makes it while a gateway runs: what was written last stands in the log alone."""
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA journal_mode=WAL")
    holder.execute("SELECT * FROM presence").fetchall()
    register(sqlite_url, "chap", "my-model")
    copy = tmp_path / "copy"
    copy.mkdir()
    for end in ("", "-wal", "-shm"):
        shutil.copyfile(f"{path}{end}", f"{copy / path.name}{end}")
        (copy / f"{path.name}{end}").chmod(0o444)
    holder.close()
    copy.chmod(0o555)
    try:
        bound_by_permissions("read_a_copy", f"sqlite:///{copy / path.name}")
    finally:
        copy.chmod(0o755)
