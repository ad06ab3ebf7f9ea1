"""Rows are read and written by position, which is faster than by name: these hold the positions against the names."""

from typing import Any

import msgspec
import pytest

from registry_gateway.core.lease import Lease
from registry_gateway.core.model import Event, EventKind, Registration, Token
from registry_gateway.store.postgresql.sql import PostgresqlSql
from registry_gateway.store.sqlite.sql import SqliteSql
from registry_gateway.store.statements import (
    accounts,
    events,
    key_batch,
    lists,
    past,
    presence,
    registrations,
    versions,
)
from registry_gateway.store.statements.prepared import Prepared
from registry_gateway.store.statements.search import Wanted
from registry_gateway.store.tables import DocumentRow, EventRow, RegistrationRow

COLUMNS = [column.name for column in registrations.COLUMNS]
DOCUMENTS = ["document", "tools_document"]
NOW = "coalesce"  # the time: what was given, else the server's
PRESENT = "present_at"


def names(columns: Any) -> list[str]:
    """The names of columns; of a function its own, of a scalar sub-select the one of its column."""
    return [c.name if getattr(c, "name", None) else c.element.exported_columns[0].name for c in columns]


def returned(prepared: Prepared, database: str) -> list[str]:
    statement: Any = prepared._statements[database]
    return names(statement.exported_columns)


def test_a_registration_is_read_from_the_columns_of_its_names() -> None:
    fields = msgspec.structs.asdict(registrations.registration_of([*COLUMNS, *DOCUMENTS]))
    lease = msgspec.structs.asdict(fields.pop("lease"))
    assert fields.pop("advertised") is True
    assert fields == {name: name for name in Registration.__struct_fields__ if name not in ("lease", "advertised")}
    assert lease == {name: name for name in Lease.__struct_fields__}


def test_a_registration_is_written_to_the_columns_of_its_names() -> None:
    columns = [column.name for column in RegistrationRow.__table__.c]
    row = registrations._row(named())
    assert dict(zip(columns, row, strict=True)) == {name: name for name in columns} | {"sweep_at": "expires_at"}


def test_a_prolonged_lease_is_written_to_the_columns_of_its_names_and_leaves_the_time_to_sweep_alone() -> None:
    key = [column.name for column in RegistrationRow.__table__.primary_key]
    assert list(registrations._times(named())) == [*key, *registrations._TIMES]
    kept = set(COLUMNS) - set(registrations._TIMES)
    assert {*key, *registrations._content(named())} | {"stage"} == kept


def named() -> Registration:
    """A registration whose values are the names of their fields."""
    texts: dict[str, Any] = {name: name for name in (*Registration.__struct_fields__, *Lease.__struct_fields__)}
    lease = Lease(*(texts.pop(name) for name in Lease.__struct_fields__))
    return Registration(**texts | {"lease": lease})


def test_documents_are_written_to_the_columns_in_the_order_of_their_table() -> None:
    columns = [column.name for column in DocumentRow.__table__.c]
    assert columns[:4] == ["dialect", "key", *DOCUMENTS]
    assert (len(columns), columns[-1]) == (6, "versions")


@pytest.mark.parametrize(
    ("prepared", "on_sqlite", "on_postgresql"),
    [
        (registrations._RENEWAL, COLUMNS, [*COLUMNS, "xid"]),
        (registrations._LOCKED, COLUMNS, [*COLUMNS, NOW]),
        (registrations._FIND, [*COLUMNS, *DOCUMENTS], [*COLUMNS, *DOCUMENTS, PRESENT, NOW]),
        *(
            (next_, [*COLUMNS, *(DOCUMENTS if documents else ())], [*COLUMNS, *(DOCUMENTS if documents else ())])
            for (documents, *_), next_ in lists._FIND_NEXT.items()
        ),
        (lists._FIND_NEXT_LISTED, [*COLUMNS, "tools", "last_event"], [*COLUMNS, "tools", "last_event"]),
        (versions._HISTORIES, ["dialect", "key", "versions"], ["dialect", "key", "versions"]),
        (presence._SEEN, [PRESENT], [PRESENT, NOW]),
        (presence._HELD, [PRESENT], [PRESENT, NOW]),
        (events._MOMENT, ["max", PRESENT], ["max", PRESENT, NOW]),
    ],
)
def test_statements_return_what_is_read_by_position(
    prepared: Prepared, on_sqlite: list[str], on_postgresql: list[str]
) -> None:
    assert returned(prepared, "sqlite") == on_sqlite
    assert returned(prepared, "postgresql") == on_postgresql


def test_an_event_is_written_to_the_columns_of_its_names() -> None:
    numbered, *columns = [column.name for column in EventRow.__table__.c]
    texts: dict[str, Any] = {name: name for name in Event.__struct_fields__}
    row = events._row(Event(**texts | {"kind": EventKind.EXPIRED, "detail": {"old": "1"}}))
    assert numbered == "id"
    assert dict(zip(columns, row, strict=True)) == {name: name for name in columns} | {
        "kind": "expired",
        "detail": '{"old":"1"}',
    }


@pytest.mark.parametrize("sql", [SqliteSql(), PostgresqlSql()])
def test_a_service_of_the_past_is_read_from_the_columns_of_its_names(sql: SqliteSql | PostgresqlSql) -> None:
    assert names(past._alive(1.0, 1.0, Wanted(), sql).selected_columns) == list(past.Past.__struct_fields__)


def test_a_token_is_read_from_the_columns_of_its_names() -> None:
    token = accounts._token([column.key for column in accounts._TOKEN])
    assert msgspec.structs.asdict(token) == {name: name for name in Token.__struct_fields__}


def test_both_tables_of_a_batch_have_the_same_columns() -> None:
    assert key_batch.SQLITE.c.keys() == key_batch.POSTGRESQL.c.keys() == ["dialect", "key", "owner"]
