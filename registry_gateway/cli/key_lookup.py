"""Look-up of a service by its KEY, in one dialect or in all of them."""

import click

from registry_gateway import adapter
from registry_gateway.adapter import Core
from registry_gateway.core.errors import Ambiguous, NotRegistered
from registry_gateway.core.model import Entry
from registry_gateway.registry.key_lookup import find_by_key


class NoSuchService(click.ClickException):
    """Nothing is registered under the key."""


async def find_service(core: Core, key: str, dialect: str | None) -> Entry:
    """Return the service with that key.

    Raises:
        NoSuchService: There is none, or none any longer.
        click.ClickException: There are several, in different dialects.
    """
    dialects = [dialect] if dialect is not None else [a.name for a in adapter.installed()]
    try:
        return await find_by_key(core.registry, key, dialects)
    except Ambiguous as error:
        raise click.ClickException(f"{error} with --dialect") from None
    except NotRegistered as error:
        raise NoSuchService(
            f"{error} (registry-gateway services list shows what is, registry-gateway events --service {key} what "
            "became of it)"
        ) from None
