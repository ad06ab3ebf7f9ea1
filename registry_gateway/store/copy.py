"""Moving a registry from one database to another, row by row: SQLite to PostgreSQL, or back."""

from sqlalchemy import Table as SqlTable
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from registry_gateway.core.errors import AlreadyExists, StoreUnavailable
from registry_gateway.store import migrate
from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.driver_errors import translated
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import PresenceRow, Table

CHUNK = 1000
"""Rows read and written at a time: bounds the memory a copy takes."""


async def copy(source: Store, target: Store) -> dict[str, int]:
    """Copy every row of `source` into `target`, which must be empty; return how many, by table.

    The source is read in one snapshot and left as it is; the target gets everything in one transaction or nothing.
    What a gateway writes to the source in the meantime is not copied, so stop it first.

    Raises:
        StoreUnavailable: A database can't be reached, or isn't at the migration this version needs.
        AlreadyExists: The target holds rows.
    """
    for store, name in ((source, "source"), (target, "target")):
        problem = await migrate.problem(store)
        if problem is not None:
            raise StoreUnavailable(f"the {name} can't be used: {problem}")
    try:
        async with source.snapshots.connect() as reading, target.engine.begin() as writing:
            copied = {table.name: await _copy_table(table, reading, writing) for table in Table.metadata.sorted_tables}
            await writing.execute(text("ANALYZE"))  # the planner should not have to wait for autovacuum
            return copied
    except (SQLAlchemyError, OSError) as error:
        raise translated(error) from error


async def _copy_table(table: SqlTable, reading: AsyncConnection, writing: AsyncConnection) -> int:
    if table is PresenceRow.__table__:
        await writing.execute(table.delete())  # the target's own, if a gateway has looked in; the source's counts
    if await writing.scalar(select(func.count()).select_from(table)):
        raise AlreadyExists(f"the target is not empty: it has {table.name}")
    copied = 0
    rows = await reading.stream(select(table))
    async for chunk in rows.mappings().partitions(CHUNK):
        await writing.execute(insert(table), [dict(row) for row in chunk])
        copied += len(chunk)
    following = await writing.run_sync(lambda connection: sql_of(connection).number_on(table))
    if following is not None:
        await writing.execute(select(following))
    return copied
