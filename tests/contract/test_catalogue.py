"""The catalogue's statements against the pure functions they stand for, and what they cost."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, event, select

from registry_gateway.core.lease import Lease, Policies
from registry_gateway.core.model import Registration
from registry_gateway.core.status import REGISTERED, Status, status
from registry_gateway.endpoints.catalogue.cursor import Place
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import catalogue, statuses
from registry_gateway.store.statements.registrations import COLUMNS, registration_of, save
from registry_gateway.store.statements.search import Page, Wanted
from tests.contract.services import ENDS, REFUSES, STAYS

pytestmark = pytest.mark.anyio

NOW = 1_000_000.0
POLICIES = Policies({"ends": ENDS, "keeps": REFUSES, "steps": STAYS})
LIST = Page(order="key", descending=False, limit=100)


def _fill(connection: Connection) -> None:
    """Registrations of every kind: dialect (one is switched off), time left, stage, approval, what they report."""
    kinds = product(
        ("ends", "keeps", "off", "steps"),
        (0.5, 0.0, -59.5, -60.0, -60.5, -600.0, -601.0),
        (-1, 0, 1, 2),
        (None, NOW - 50),
        (None, "healthy", "degraded", "unhealthy"),
    )
    filled = [
        Registration(
            dialect=dialect,
            key=f"k{number:04}",
            name=f"n{number % 7}",
            version="1",
            address=None,
            owner=None,
            approved_at=approved_at,
            reported=reported,
            advertised=False,
            registered_at=NOW - number,
            updated_at=NOW,
            lease=Lease(30, NOW - 100, None if number % 3 else NOW - 200 + number % 199, NOW + left, stage),
        )
        for number, (dialect, left, stage, approved_at, reported) in enumerate(kinds)
    ]
    save(connection, {}, {(r.dialect, r.key): r for r in filled}, {}, {})


def _rows(connection: Connection) -> list[Registration]:
    return [registration_of(row) for row in connection.execute(select(*COLUMNS))]


def _search(wanted: Wanted, page: Page, connection: Connection) -> tuple[list[Registration], Place | None]:
    return catalogue.search(connection, wanted, page, POLICIES, NOW)


def _count(wanted: Wanted, connection: Connection) -> int:
    return catalogue.count(connection, wanted, POLICIES, NOW)


async def test_a_statement_sees_the_status_that_the_function_sees(database_url: str) -> None:
    store = Store(database_url)
    await store.write(_fill)
    rows = await store.read(_rows)
    expected = {(r.dialect, r.key): status(r, POLICIES.of(r.dialect), NOW) for r in rows}
    assert set(expected.values()) == set(Status)
    for asked in [(s,) for s in Status] + [REGISTERED, (Status.UP, Status.GONE)]:
        wanted = Wanted(statuses=asked)
        page = msgspec.structs.replace(LIST, limit=10_000)
        found, _ = await store.read(partial(_search, wanted, page))
        assert {(r.dialect, r.key) for r in found} == {k for k, s in expected.items() if s in asked}, asked
        assert await store.read(partial(_count, wanted)) == len(found)
    counted = await store.read(lambda c: catalogue.counts(c, POLICIES, NOW))
    assert sum(count.services for count in counted) == len(rows)
    for count in counted:
        of_it = [r for r in rows if (r.dialect, expected[r.dialect, r.key]) == (count.dialect, count.status)]
        seen = [r.lease.last_seen for r in of_it]
        assert (count.services, count.oldest, count.newest) == (len(of_it), min(seen), max(seen))
    await store.close()


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("order", ["key", "name", "status", "urgency", "registered_at", "last_seen"])
async def test_pages_make_up_the_whole_list_in_its_order(database_url: str, order: str, descending: bool) -> None:
    store = Store(database_url)
    await store.write(_fill)
    rows = {(r.dialect, r.key): r for r in await store.read(_rows)}
    paged: list[tuple[str, str]] = []
    page: Page | None = Page(order=order, descending=descending, limit=137)
    while page is not None:
        found, last = await store.read(partial(_search, Wanted(), page))
        paged += [(r.dialect, r.key) for r in found]
        page = None if last is None else msgspec.structs.replace(page, after=last)
    values: dict[str, Callable[[Registration], Any]] = {
        "key": lambda _r: 0,
        "name": lambda r: r.name,
        "status": lambda r: statuses.RANKS[status(r, POLICIES.of(r.dialect), NOW)],
        "urgency": lambda r: statuses.URGENCY[status(r, POLICIES.of(r.dialect), NOW)],
        "registered_at": lambda r: r.registered_at,
        "last_seen": lambda r: r.lease.last_seen,
    }
    by = values[order]
    assert paged == sorted(rows, key=lambda key: (by(rows[key]), key), reverse=descending)
    await store.close()


async def test_a_page_is_read_from_where_it_begins(sqlite_url: str) -> None:
    """By the plan: the rows before a page aren't looked at, and none are sorted."""
    store = Store(sqlite_url)
    statements: list[tuple[str, tuple[object, ...]]] = []

    @event.listens_for(store.engine.sync_engine, "before_cursor_execute")
    def _note(_c: object, _cursor: object, sql: str, values: tuple[object, ...], _x: object, _many: bool) -> None:
        statements.append((sql, values))

    page = msgspec.structs.replace(LIST, after=("keeps", "k0500"))
    wanted = Wanted(statuses=REGISTERED)
    await store.read(partial(_search, wanted, page))
    sql, values = next(s for s in statements if s[0].startswith("SELECT"))

    def explain(connection: Connection) -> list[str]:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]

    plan = await store.read(explain)
    assert len(plan) == 1
    assert plan[0].startswith("SEARCH registrations USING PRIMARY KEY")
    await store.close()
