"""Files that the commands create: for their owner alone, and never by way of a link that somebody else has left."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import anyio.to_thread
import pytest

from registry_gateway.store import migrate
from registry_gateway.store.engine import Store
from tests.conftest import GatewayFactory
from tests.integration import chap_service
from tests.integration.command_line import complaint, output, register


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Run with the umask most systems have, which lets everybody read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(file: Path) -> int:
    """The permissions of a file."""
    return stat.S_IMODE(file.stat().st_mode)


def modes_in(directory: Path) -> dict[str, int]:
    """The permissions of each file there."""
    return {file.name: mode(file) for file in directory.iterdir()}


def test_a_new_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    output(url, "db", "upgrade")
    register(url, "chap", "my-model")
    assert modes_in(tmp_path) == {"registry.db": 0o600}


@pytest.mark.anyio
async def test_the_files_beside_it(start_gateway: GatewayFactory, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/registry.db"
    await _migrated(url)
    async with start_gateway(url) as client:
        await chap_service.register(client)
        modes = await anyio.to_thread.run_sync(modes_in, tmp_path)
    assert modes == dict.fromkeys(["registry.db", "registry.db-wal", "registry.db-shm"], 0o600)


async def _migrated(url: str) -> None:
    store = Store(url)
    await migrate.upgrade(store)
    await store.close()


def test_a_database_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    url = f"sqlite:///{file}"
    output(url, "db", "upgrade")
    file.chmod(0o640)
    register(url, "chap", "my-model")
    assert mode(file) == 0o640


def test_a_database_that_can_not_be_created(tmp_path: Path) -> None:
    assert "there is no directory" in complaint(f"sqlite:///{tmp_path}/none/registry.db", "db", "upgrade")


def test_an_export(sqlite_url: str, tmp_path: Path) -> None:
    register(sqlite_url, "chap", "my-model")
    target = tmp_path / "registry.jsonl"
    output(sqlite_url, "export", "--output", str(target))
    assert mode(target) == 0o600
    target.chmod(0o644)
    output(sqlite_url, "export", "--output", str(target))  # a new file takes its name
    assert mode(target) == 0o600


def test_an_export_follows_no_link(sqlite_url: str, tmp_path: Path) -> None:
    register(sqlite_url, "chap", "my-model")
    precious = tmp_path / "precious"
    precious.write_text("precious")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".registry.jsonl.unfinished").symlink_to(precious)
    (out / "registry.jsonl").symlink_to(precious)
    output(sqlite_url, "export", "--output", str(out / "registry.jsonl"))
    assert precious.read_text() == "precious"
    assert not (out / "registry.jsonl").is_symlink()
    assert '"my-model"' in (out / "registry.jsonl").read_text()


def test_an_export_replaces_nothing_but_files(sqlite_url: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert complaint(sqlite_url, "export", "--output", str(pipe)) == f"can't write {pipe}: it is not a regular file"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
