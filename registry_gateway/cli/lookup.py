"""How a KEY on the command line finds its service: over all dialects, unless one is named."""

import click

from registry_gateway import adapter
from registry_gateway.adapter import Core
from registry_gateway.model import Entry


class NoSuchService(click.ClickException):
    """Nothing is registered under the key."""


async def lookup(core: Core, key: str, dialect: str | None) -> Entry:
    """Return the service of that key.

    Raises:
        NoSuchService: There is none, or none any longer.
        click.ClickException: There are several, in different dialects.
    """
    dialects = [dialect] if dialect is not None else [a.name for a in adapter.installed()]
    found = [entry for name in dialects if (entry := await core.registry.find(name, key)) is not None]
    if len(found) > 1:
        names = " and ".join(entry.registration.dialect for entry in found)
        raise click.ClickException(f"{key} is registered in {names}; say which with --dialect")
    if not found:
        raise NoSuchService(
            f"{key} is not registered in {' or '.join(dialects)} (registry-gateway services list shows what is, "
            f"registry-gateway events --service {key} what became of it)"
        )
    return found[0]
