"""Services that are named by a KEY, and advice where there is no such service, or more than one."""

import difflib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import click
import msgspec

from registry_gateway.cli.registry_access.access import RegistryAccess
from registry_gateway.core.errors import Ambiguous, NotRegistered
from registry_gateway.endpoints.catalogue.query import Services

MOST_PAGES = 10
"""Most pages of a thousand keys that are compared with a mistyped one."""


class NoSuchService(click.ClickException):
    """Nothing is registered under the key."""


@asynccontextmanager
async def advising(registry: RegistryAccess, key: str) -> AsyncIterator[None]:
    """Add advice to the errors about the key of a service.

    Raises:
        NoSuchService: There is no such service.
        click.ClickException: There are several, in different dialects.
    """
    try:
        yield
    except Ambiguous as error:
        raise click.ClickException(f"{error} with --dialect") from None
    except NotRegistered as error:
        raise NoSuchService(
            f"{error}{await suggestion(registry, key)} (registry-gateway services list shows what is, registry-gateway "
            f"events --service {key} shows its history)"
        ) from None


async def suggestion(registry: RegistryAccess, key: str) -> str:
    """Return a question that names a registered service with a similar key; empty if there is none."""
    close = difflib.get_close_matches(key, await _keys(registry), n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else ""


async def _keys(registry: RegistryAccess) -> Sequence[str]:
    query = Services(fields=("key",), limit=1000)
    keys: list[str] = []
    for _ in range(MOST_PAGES):
        page = await registry.services(query)
        keys += [service.key for service in page.services if isinstance(service.key, str)]
        if page.next is None:
            break
        query = msgspec.structs.replace(query, cursor=page.next)
    return keys
