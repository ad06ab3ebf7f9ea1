"""The size of the database, and the free space on its disk."""

import asyncio
import shutil
from pathlib import Path

import msgspec
from sqlalchemy import func, select

from registry_gateway.core.errors import StoreUnavailable
from registry_gateway.store.engine import Store


class Size(msgspec.Struct, frozen=True):
    """The size of the database and the free space on its disk in bytes; None if the disk may be another machine's."""

    taken: int
    free: int | None


async def measured(store: Store) -> Size:
    """Return the current size of a database.

    Raises:
        StoreUnavailable: The database cannot be reached.
    """
    if not store.sqlite:
        return Size(await store.read(lambda c: c.execute(_POSTGRESQL).scalar_one()), None)
    try:
        return await asyncio.to_thread(_of_file, Path(store.url.database or ""))  # a disk may be slow
    except OSError as error:
        raise StoreUnavailable(f"the database file can't be examined: {error}") from error


_POSTGRESQL = select(func.pg_database_size(func.current_database()))


def _of_file(file: Path) -> Size:
    log = file.with_name(f"{file.name}-wal")
    taken = file.stat().st_size + (log.stat().st_size if log.exists() else 0)
    return Size(taken, shutil.disk_usage(file.parent).free)
