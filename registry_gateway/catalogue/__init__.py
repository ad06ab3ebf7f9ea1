"""The catalogue over HTTP, under `/catalog/v1`: services of all dialects in one list, with one status and a history.

It reads through the pool of connections, not the lanes, so what people look up never waits in front of a heartbeat.
"""

from registry_gateway.adapter import Core, Mount
from registry_gateway.catalogue.operations import operations
from registry_gateway.catalogue.reader import Reader
from registry_gateway.catalogue.routes import Catalogue
from registry_gateway.problem import fault
from registry_gateway.store.engine import Store

SEGMENT = "catalog"
"""The first path segment."""


def mount(core: Core, store: Store, *, protected: bool) -> Mount:
    """Build the routes; `protected` asks readers for a token."""
    reader = Reader(store, core.registry.policies, core.clock, core.settings.retention_days)
    description = "What is registered in all dialects, and what was."
    return Mount(
        Catalogue(core, reader, protected=protected).routes(), fault, operations(protected=protected), description
    )
