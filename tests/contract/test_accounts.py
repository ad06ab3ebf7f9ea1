"""Tokens in time: when they end, when a revocation counts, and what is written of their use."""

import re
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from registry_gateway.auth.accounts import ADMINISTER, CACHE_SECONDS, SUPER_ADMIN, USE_SECONDS, Accounts, Issued
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import TokenRow
from tests.conftest import ManualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A database."""
    opened = Store(database_url)
    yield opened
    await opened.close()


async def _create(accounts: Accounts, expires_in: float | None = None) -> Issued:
    return await accounts.create("scaiflow", ["registry:manage"], [], expires_in=expires_in)


async def _last_use(url: str) -> float | None:
    """What another process reads, once all is written."""
    store = Store(url)
    (account,) = await Accounts(store, ManualClock()).list()
    await store.close()
    return account.tokens[0].last_used_at


async def test_a_token_ends_to_the_second_even_where_it_is_remembered(store: Store, clock: ManualClock) -> None:
    accounts = Accounts(store, clock)
    token = (await _create(accounts, expires_in=100)).token
    clock.advance(99)
    assert await accounts.authenticate(token)
    clock.advance(1)
    assert await accounts.authenticate(token) is None


async def test_another_gateway_learns_of_changes_within_the_cache(store: Store, clock: ManualClock) -> None:
    here, there = Accounts(store, clock), Accounts(store, clock)
    old = (await _create(here)).token
    assert await there.authenticate(old)
    new = (await here.rotate("scaiflow", 0.0)).token
    assert await here.authenticate(old) is None
    assert await there.authenticate(new)
    clock.advance(CACHE_SECONDS)
    assert await there.authenticate(old) is None
    await here.revoke("scaiflow")
    assert await here.authenticate(new) is None
    clock.advance(CACHE_SECONDS)
    assert await there.authenticate(new) is None


async def test_a_clock_set_back_keeps_no_revoked_token_alive(store: Store, clock: ManualClock) -> None:
    here, there = Accounts(store, clock), Accounts(store, clock)
    token = (await _create(here)).token
    assert await there.authenticate(token)
    assert await there.granted("registry:manage")
    await here.revoke("scaiflow")
    clock.advance(-3600)
    assert await there.authenticate(token) is None
    assert not await there.granted("registry:manage")


async def test_uses_are_written_once_a_minute(database_url: str, clock: ManualClock) -> None:
    store = Store(database_url)
    accounts = Accounts(store, clock)
    token = (await _create(accounts)).token
    first = clock.now()
    for _ in range(int(USE_SECONDS / CACHE_SECONDS)):
        assert await accounts.authenticate(token)
        clock.advance(CACHE_SECONDS)
    await store.close()
    assert await _last_use(database_url) == first

    store = Store(database_url)
    assert await Accounts(store, clock).authenticate(token)
    await store.close()
    assert await _last_use(database_url) == first + USE_SECONDS


async def test_a_use_that_cannot_be_written_refuses_nobody(
    database_url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("UPDATE tokens", None, Exception("disk full"))

    monkeypatch.setattr("registry_gateway.store.statements.accounts.note_use", refuse)
    store = Store(database_url)
    accounts = Accounts(store, clock)
    assert await accounts.authenticate((await _create(accounts)).token)
    await store.close()
    (record,) = caplog.records
    assert re.fullmatch(r"not written: the database (\S+ )?is unavailable: disk full", record.getMessage())


@pytest.mark.parametrize("scope", [ADMINISTER, SUPER_ADMIN])
async def test_what_is_granted_is_what_a_valid_token_has(store: Store, clock: ManualClock, scope: str) -> None:
    accounts = Accounts(store, clock)
    await _create(accounts)
    assert not await accounts.granted(scope)
    await accounts.create("admin", ["other", scope], [], expires_in=100)
    assert await accounts.granted(scope)
    clock.advance(100)
    assert not await accounts.granted(scope)
    await accounts.rotate("admin", 0.0)
    assert await accounts.granted(scope)
    await accounts.revoke("admin")
    assert not await accounts.granted(scope)


async def test_the_database_holds_no_token(store: Store, clock: ManualClock) -> None:
    accounts = Accounts(store, clock)
    one, other = (await _create(accounts)).token, (await accounts.rotate("scaiflow", 60.0)).token
    rows = await store.read(lambda c: list(c.execute(select(*TokenRow.__table__.c))))
    text = str([tuple(row) for row in rows])
    assert not any(token.split("_", 2)[2] in text for token in (one, other))
    assert len({bytes(row.salt) for row in rows}) == 2
