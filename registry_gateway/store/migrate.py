"""Migrations with alembic, from the checkout or an installed wheel."""

import io
from collections.abc import Callable

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from registry_gateway.core.errors import RegistryError
from registry_gateway.store.engine import Store
from registry_gateway.store.level import SCRIPTS


class MigrationRefused(RegistryError):
    """There is no such revision, or the tables differ from the program's definition; the message is alembic's."""

    code = "migration_refused"


def _work(of_alembic: Callable[[Config], None]) -> Callable[[Connection], None]:
    """Return what runs a command of alembic on a connection, and raises `MigrationRefused` for its `CommandError`."""

    def run(connection: Connection) -> None:
        config = Config(stdout=io.StringIO())  # the caller reports instead of alembic
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        try:
            of_alembic(config)
        except CommandError as error:
            raise MigrationRefused(str(error)) from error

    return run


async def upgrade(store: Store, revision: str = "head") -> None:
    """Upgrade a database to a revision.

    Raises:
        MigrationRefused: There is no such revision.
    """
    await store.write(_work(lambda config: command.upgrade(config, revision)), limit=None)


async def downgrade(store: Store, revision: str) -> None:
    """Downgrade a database to a revision; `-1` is one step, `base` an empty database.

    Raises:
        MigrationRefused: There is no such revision.
    """
    await store.write(_work(lambda config: command.downgrade(config, revision)), limit=None)


async def check(store: Store) -> None:
    """Return if the tables match the program's definition.

    Raises:
        MigrationRefused: They do not.
    """
    await store.read(_work(command.check))
