"""How alembic reaches the database: over the connection the program hands it, or by the configured URL."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text

from registry_gateway import settings
from registry_gateway.settings import PREFIX
from registry_gateway.store.engine import Store
from registry_gateway.store.tables import Table

LOCK = 0x52475754  # "RGWT": gateways that start together migrate one after the other


def migrate(connection: Connection) -> None:
    """Run the migrations inside the connection's transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # another's migration may take its time
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        # SQLite numbers rows by itself and has no notion of IDENTITY to compare.
        compare_server_default=connection.dialect.name != "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def connect_and_migrate() -> None:
    """Open the database of the environment, for the `alembic` command in a checkout."""
    given = {name: value for name, value in os.environ.items() if name == f"{PREFIX}DATABASE_URL"}
    store = Store(settings.load((), given).gateway.database_url)
    try:
        await store.write(migrate)
    finally:
        await store.close()


if context.is_offline_mode():
    raise SystemExit("registry-gateway migrates a live database; there is no offline mode")

given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    asyncio.run(connect_and_migrate())
