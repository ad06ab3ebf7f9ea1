"""Look-up of a service by its key, in one dialect or in all of them."""

from collections.abc import Iterable

from registry_gateway.core.errors import Ambiguous, NotRegistered
from registry_gateway.core.model import Entry
from registry_gateway.registry.registry import Registry


async def find_by_key(registry: Registry, key: str, dialects: Iterable[str]) -> Entry:
    """Return the service with that key in one of `dialects`.

    Raises:
        NotRegistered: There is no such service.
        Ambiguous: Several dialects have such a service.
    """
    asked = list(dialects)
    found = [entry for name in asked if (entry := await registry.find(name, key)) is not None]
    if len(found) > 1:
        names = " and ".join(entry.registration.dialect for entry in found)
        raise Ambiguous(f"{key} is registered in {names}; say which")
    if not found:
        raise NotRegistered(f"{key} is not registered in {' or '.join(asked)}")
    return found[0]
