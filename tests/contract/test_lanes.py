"""The connections that are kept for what services ask all the time."""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from registry_gateway.core.commands import Registered, Renewed
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from registry_gateway.store.sqlite.checkpoint import COMMITS
from registry_gateway.store.statements import registrations
from tests.conftest import ManualClock
from tests.contract.services import DIALECT, STAYS, register, renew
from tests.postgresql import SERVERS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_connection_that_died_while_idle_costs_no_answer(
    database_url: str, postgresql: Callable[[str], str], clock: ManualClock
) -> None:
    store = Store(database_url)
    registry = Registry(store, {DIALECT: STAYS}, clock)
    try:
        assert isinstance(await registry.register(register()), Registered)
        assert await registry.find(DIALECT, "svc") is not None
        assert len(await registry.list(DIALECT)) == 1
        name = make_url(database_url).database
        postgresql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        assert isinstance(await registry.renew(renew()), Renewed)
        assert await registry.find(DIALECT, "svc") is not None
        assert len(await registry.list(DIALECT)) == 1
    finally:
        await registry.close()


def written_into_the_file(path: Path) -> int:
    """How many registrations are in SQLite's file itself, without its log."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM registrations").fetchone()[0])


async def test_the_log_of_sqlite_is_worked_in_when_there_is_enough_of_it(sqlite_url: str, clock: ManualClock) -> None:
    store = Store(sqlite_url)
    registry = Registry(store, {DIALECT: STAYS}, clock)
    path = Path(make_url(sqlite_url).database or "")
    try:
        await registry.register(register("first"))
        await registry.checkpoint()
        assert written_into_the_file(path) == 0
        for number in range(COMMITS):
            await registry.register(register(f"svc-{number}"))
        await registry.checkpoint()
        assert written_into_the_file(path) == 1 + COMMITS
    finally:
        await registry.close()


OPEN_FILES = Path("/proc/self/fd")


def temporary_files() -> list[str]:
    """The temporary files of SQLite that this process has open: they have no name any more."""
    names = []
    for link in OPEN_FILES.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, as the one this very listing was read from
            names.append(str(link.readlink()))
    return [name for name in names if "etilqs_" in name]


@pytest.mark.skipif(not OPEN_FILES.exists(), reason="only Linux tells which files are open")
async def test_heartbeats_in_no_order_need_no_temporary_file(sqlite_url: str, clock: ManualClock) -> None:
    store = Store(sqlite_url)
    registry = Registry(store, {DIALECT: STAYS}, clock)
    keys = [f"svc-{number:04}" for number in range(1000)]
    try:
        await asyncio.gather(*[registry.register(register(key)) for key in keys])
        scattered = [(DIALECT, key, None) for key in keys[::8]]

        def work(connection: Connection) -> tuple[int, list[str]]:
            renewed = registrations.renew(connection, scattered, clock.now())
            return len(renewed), temporary_files()

        assert await store.write(work) == (len(scattered), [])
    finally:
        await registry.close()
