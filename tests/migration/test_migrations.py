"""Every migration, up and down with rows in it, on each database."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from registry_gateway.auth.accounts import Accounts
from registry_gateway.core.commands import Advertise, Deregister, Register, Renew, Renewed
from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor
from registry_gateway.core.webhook import Format
from registry_gateway.registry.registry import Registry
from registry_gateway.store import level, migrate
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import Table
from registry_gateway.webhooks.sender import Sender
from registry_gateway.webhooks.webhooks import Webhooks
from tests.conftest import ManualClock

pytestmark = pytest.mark.anyio

CHECKOUT = Path(level.SCRIPTS).parent
ACTOR = Actor("account:alice", "192.0.2.1", "req_1")
POLICIES = {
    "test": LeasePolicy(late_renewal="revive", retention=1000, keeps_deregistered=True),
    "brief": LeasePolicy(late_renewal="refuse", retention=0),
}
VERSIONS = "alembic_version"


def revisions() -> list[str]:
    """Return the revisions from an empty database on: `base`, the first one, ..., the newest."""
    config = Config()
    config.set_main_option("script_location", str(level.SCRIPTS))
    newest_first = ScriptDirectory.from_config(config).walk_revisions()
    return ["base", *reversed([script.revision for script in newest_first])]


def test_the_files_of_the_migrations_are_numbered_by_their_revisions() -> None:
    assert revisions() == ["base", *sorted(level.REVISIONS)]
    assert revisions()[-1] == level.NEWEST


def rows(connection: Connection) -> dict[str, int]:
    """Return how many rows each table has."""
    tables = sorted(set(inspect(connection).get_table_names()) - {VERSIONS})
    return {table: connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one() for table in tables}


async def fill(store: Store, clock: ManualClock) -> Registry:
    """Put rows into every table."""
    registry = Registry(store, POLICIES, clock)
    await registry.resume()
    for key in ("alive", "lapsed", "left", "ünïcode 服务"):
        ttl = 10.0 if key == "lapsed" else 1000.0
        await registry.register(
            Register(
                dialect="test",
                key=key,
                name=f"The {key}",
                version="1.0",
                ttl=ttl,
                document=b'{"n":"\xff\x00"}',
                mode="replace",
                actor=ACTOR,
                address=f"http://{key}",
                owner="alice",
                approved=key != "alive",
            )
        )
    await registry.advertise(Advertise("test", "alive", b"[1,2]", ACTOR, ("rotate",)))
    await registry.renew(Renew("test", "alive", ACTOR, owner="alice", version="1.1", reported="degraded"))
    await registry.deregister(Deregister(dialect="test", key="left", actor=ACTOR, owner="alice", reason="moving"))
    await registry.subscribe("test", "alive", "bob", ACTOR)
    brief = Register(
        dialect="brief", key="gone", name="Gone", version="1", ttl=5, document=b"{}", mode="replace", actor=ACTOR
    )
    await registry.register(brief)
    await registry.deregister(Deregister(dialect="brief", key="gone", actor=ACTOR))
    clock.advance(10)
    await registry.expire()
    await Accounts(store, clock).create("alice", ["registry:manage"], ["alive"])
    webhooks = Webhooks(store, clock, Sender([], clock), registry.feed.notice)
    await webhooks.add("http://8.8.8.8/", [], None, Format.JSON, ACTOR)
    return registry


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    """Open a database and close it, whatever happens between."""
    store = Store(url)
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture(params=["sqlite_url", "own_postgresql_url"], ids=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database whose tables may be changed."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A migrated, empty database."""
    async with opened(database_url) as store:
        yield store


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    psql: Callable[[str], str] = request.getfixturevalue("postgresql")
    url: str = request.getfixturevalue("own_postgresql_url")
    name = url.partition("?")[0].rpartition("/")[2]
    psql(f"CREATE DATABASE {name}_empty")
    yield url.replace(name, f"{name}_empty")
    psql(f"DROP DATABASE {name}_empty WITH (FORCE)")


async def test_every_migration_goes_down_and_up_with_rows_in_it(store: Store, clock: ManualClock) -> None:
    registry = await fill(store, clock)
    before = (await registry.list(), await registry.events(), await registry.subscriptions())
    steps = revisions()
    counts = await store.read(rows)
    assert set(counts) == set(Table.metadata.tables)
    assert all(counts.values()), "a table without a row tests nothing; extend `fill`"

    for newer, older in pairwise(reversed(steps)):
        await migrate.downgrade(store, older)
        assert await level.current(store) == (None if older == "base" else older)
        left = await store.read(rows)
        assert _common(left, counts) == _common(counts, left), f"{newer} lost rows on its way down"
        counts = left
    assert counts == {}
    for older, newer in pairwise(steps):
        await migrate.upgrade(store, newer)
        assert await level.current(store) == newer
        risen = await store.read(rows)
        assert _common(risen, counts) == _common(counts, risen), f"{newer} lost rows on its way up from {older}"
        counts = risen
    assert await level.problem(store) is None
    again = await fill(store, clock)
    assert len(await again.list()) == len(before[0])


def _common(counts: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Return the counts of the tables that the other has too."""
    return {table: count for table, count in counts.items() if table in other}


async def test_a_registry_survives_going_back_to_any_revision_that_has_one(store: Store, clock: ManualClock) -> None:
    registry = await fill(store, clock)
    names = [entry.registration.key for entry in await registry.list()]
    versions = await registry.versions("test", "alive")
    assert [version.version for version in versions] == ["1.0", "1.1"]
    for older in reversed(revisions()[1:]):
        await migrate.downgrade(store, older)
        await migrate.upgrade(store)
        restored = await registry.list()
        assert [entry.registration.key for entry in restored] == names, older
        assert {entry.document for entry in restored} == {b'{"n":"\xff\x00"}'}
        assert await registry.versions("test", "alive") == versions, older
        assert isinstance(await registry.renew(Renew("test", "alive", ACTOR, owner="alice")), Renewed)


async def test_renamed_columns_keep_what_they_hold(store: Store, clock: ManualClock) -> None:
    registry = await fill(store, clock)
    logged = await registry.events()
    assert ("192.0.2.1", "http://alive") in {(e.client_address, e.service_address) for e in logged}
    expected = [(e.client_address, e.service_address) for e in logged]

    await migrate.downgrade(store, "0006")
    old = await store.read(lambda c: c.execute(text("SELECT address, location FROM events ORDER BY id")).all())
    assert [tuple(row) for row in old] == expected
    of_alive = text("SELECT offers, capabilities FROM documents WHERE key = 'alive'")
    assert tuple(await store.read(lambda c: c.execute(of_alive).one())) == ("\nrotate\n", b"[1,2]")
    indexes = await store.read(lambda c: {index["name"] for index in inspect(c).get_indexes("events")})
    assert indexes == {"ix_events_at", "ix_events_dialect_key_id"}

    await migrate.upgrade(store)
    assert await registry.events() == logged
    assert await registry.tools("test", "alive") == ["rotate"]
    [entry] = [entry for entry in await registry.list() if entry.registration.key == "alive"]
    assert entry.tools_document == b"[1,2]"
    assert await level.problem(store) is None
    await migrate.check(store)


async def test_the_tables_are_what_the_program_expects(store: Store) -> None:
    await migrate.check(store)


async def test_a_database_that_is_behind_is_told_from_one_that_is_not(store: Store) -> None:
    assert await level.problem(store) is None
    await migrate.downgrade(store, "-1")
    assert f"needs {level.NEWEST}" in str(await level.problem(store))


async def test_migrating_twice_changes_nothing(store: Store, clock: ManualClock) -> None:
    await fill(store, clock)
    counts = await store.read(rows)
    await migrate.upgrade(store)
    assert await store.read(rows) == counts


async def test_a_migration_that_fails_leaves_the_database_as_it_was(store: Store, clock: ManualClock) -> None:
    await fill(store, clock)
    counts = await store.read(rows)

    def downgrade_and_fail(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(level.SCRIPTS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(StoreUnavailable):
        await store.write(downgrade_and_fail)
    assert await store.read(rows) == counts
    assert await level.problem(store) is None


async def test_an_empty_database_says_so(empty_url: str) -> None:
    async with opened(empty_url) as store:
        assert await level.current(store) is None
        assert "migration none" in str(await level.problem(store))


@pytest.mark.slow
async def test_alembic_commands_that_start_at_once_in_a_checkout_all_succeed(empty_url: str) -> None:
    """Without an alembic.ini, and as processes of their own: alembic keeps its state for the whole process."""
    assert not (CHECKOUT / "alembic.ini").exists()
    environment = {**os.environ, "REGISTRY_GATEWAY_DATABASE_URL": empty_url}

    def upgrade() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "alembic", "upgrade", "head"]
        return subprocess.run(
            command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    for done in await asyncio.gather(*(asyncio.to_thread(upgrade) for _ in range(2))):
        assert done.returncode == 0, done.stderr
    async with opened(empty_url) as store:
        assert await level.problem(store) is None
        await migrate.check(store)
