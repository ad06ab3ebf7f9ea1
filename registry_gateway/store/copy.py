"""Copying a registry from one database to another, row by row: SQLite to PostgreSQL, or back."""

from sqlalchemy import Table as SqlTable
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from registry_gateway.core.errors import AlreadyExists, StoreUnavailable
from registry_gateway.store import level
from registry_gateway.store.database_sql import sql_of
from registry_gateway.store.driver_errors import translated
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import PresenceRow, Table

CHUNK = 1000
"""Rows read and written at a time, which limits the memory of a copy."""


async def copy(source: Store, target: Store) -> dict[str, int]:
    """Copy every row of `source` into the empty `target`; return the number of rows by table.

    The source is read in one snapshot; the target is written in one transaction. What a gateway writes to the source in
    the meantime is not copied, so stop it first.

    Raises:
        StoreUnavailable: A database cannot be reached, or is not at the migration of this version.
        AlreadyExists: The target has rows.
    """
    for store, name in ((source, "source"), (target, "target")):
        problem = await level.problem(store)
        if problem is not None:
            raise StoreUnavailable(f"the {name} can't be used: {problem}")
    try:
        async with source.snapshots.connect() as reading, target.engine.begin() as writing:
            copied = {table.name: await _copy_table(table, reading, writing) for table in Table.metadata.sorted_tables}
            await writing.execute(text("ANALYZE"))  # autovacuum may be late
            return copied
    except (SQLAlchemyError, OSError) as error:
        raise translated(error) from error


async def _copy_table(table: SqlTable, reading: AsyncConnection, writing: AsyncConnection) -> int:
    if table is PresenceRow.__table__:
        await writing.execute(table.delete())  # a gateway may have written the target's own row
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
