"""Which registry a command works on: the options `--url` and `--database-url`, and the environment."""

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from registry_gateway import settings
from registry_gateway.cli.database_level import require_level, upgrade_command
from registry_gateway.cli.output import say
from registry_gateway.cli.parameters import check_url, database_url_option, token_of
from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.cli.registry_access.database import Database
from registry_gateway.cli.registry_access.remote import RemoteGateway
from registry_gateway.cli.session import configured, opened
from registry_gateway.http.remote_server import RemoteServer
from registry_gateway.settings import PREFIX, STRIPPED, URL_VARIABLE

T = TypeVar("T")

TOKEN = "REGISTRY_TOKEN"  # noqa: S105 - the name of a variable
_DATABASE_URL = f"{PREFIX}DATABASE_URL"


url_option = click.option(
    "--url",
    metavar="URL",
    is_eager=True,
    callback=check_url,
    help=f"Work on the gateway at URL, over HTTP, with the token of {TOKEN} if it needs one.  [{URL_VARIABLE}]",
)


class Target:
    """The registry that a command works on. `changed` is its name once the command has changed something in it."""

    def __init__(self, url: str | None, database_url: str | None) -> None:
        """Choose the gateway at `url`; without one the database at `database_url`, or that of the environment."""
        self.url = url
        self.database_url = database_url
        self.changed: str | None = None

    def run(self, work: Callable[[RegistryAccess], Awaitable[T]], *, reading: bool = False) -> T:
        """Run `work` on the registry. With `reading` it changes nothing.

        Raises:
            SettingsError: A setting is invalid.
            WrongLevel: The database is at another migration, or there is none yet.
        """

        async def on_registry() -> T:
            async with self.opened(reading=reading) as registry:
                done = await work(registry)
                self.changed = None if reading else registry.name
                return done

        return asyncio.run(on_registry())

    @asynccontextmanager
    async def opened(self, *, reading: bool = False) -> AsyncIterator[RegistryAccess]:
        """Open the registry, and close it at the end."""
        if self.url is not None:
            token = token_of(os.environ.get(TOKEN))
            if token is not None and "@" in urlsplit(self.url).netloc:
                raise click.UsageError(f"the URL has a user, and {TOKEN} is set; only one of them can be sent")
            async with RemoteServer({} if token is None else {"Authorization": f"Bearer {token}"}) as server:
                yield RemoteGateway(server, self.url, with_token=token is not None)
            return
        configuration, adapters = configured(self.database_url)
        name = next(str(value) for variable, value in settings.effective(configuration, adapters) if variable.url)
        async with opened(configuration, adapters, reading=reading) as session:
            await require_level(session.store, upgrade_command(self.database_url))
            yield Database(session, name, adapters)


def registry_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--url` and `--database-url`, and the argument `target` that they choose.

    If the command changes something, the registry is named on standard error at its end.
    """

    @functools.wraps(command)
    def chosen(*arguments: Any, url: str | None, database_url: str | None, **others: Any) -> None:
        target = choose(url, database_url)
        command(*arguments, target=target, **others)
        if target.changed is not None:
            say(f"Changed in {target.changed}.", err=True)

    return url_option(database_url_option(chosen))


def choose(url: str | None, database_url: str | None) -> Target:
    """Return the registry that the options choose, or without them the environment.

    Raises:
        click.UsageError: Both are chosen in the same way, or the environment has no valid URL.
    """
    if url is not None and database_url is not None:
        raise click.UsageError("use --url or --database-url, not both")
    if url is not None or database_url is not None:
        return Target(url, database_url)
    given = os.environ.get(URL_VARIABLE)
    if given is None:
        return Target(None, None)
    if _DATABASE_URL in os.environ:
        raise click.UsageError(f"{URL_VARIABLE} and {_DATABASE_URL} are both set; choose with --url or --database-url")
    try:
        return Target(check_url(None, None, given.strip(STRIPPED)), None)
    except click.BadParameter as error:
        raise click.UsageError(f"{URL_VARIABLE}: {error.message}") from None
