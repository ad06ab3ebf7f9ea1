"""The catalogue over HTTP, under `/catalog/v1`: the services of all dialects with one status and a history, and a
stream of changes.

It reads through the pool of connections, not the lanes, so reads never delay a heartbeat. Expensive reads use few of
the connections, so they do not delay readiness or administration.
"""

from registry_gateway.adapter import Core
from registry_gateway.endpoints.catalogue.export import Exports
from registry_gateway.endpoints.catalogue.openapi import operations
from registry_gateway.endpoints.catalogue.reader import Reader
from registry_gateway.endpoints.catalogue.routes import Catalogue
from registry_gateway.endpoints.catalogue.tools import ToolReader
from registry_gateway.endpoints.catalogue.watch import Watch
from registry_gateway.endpoints.catalogue.watcher_limit import WatcherLimit
from registry_gateway.http.mount import Mount
from registry_gateway.http.problem_details import fault
from registry_gateway.http.routing import resource
from registry_gateway.registry.overviews import Overviews
from registry_gateway.store.engine import Store

SEGMENT = "catalog"
"""The first path segment."""


def mount(core: Core, store: Store) -> Mount:
    """Return the mount."""
    own = core.settings
    reader = Reader(core.registry.queries, own.retention, most_events=own.max_events)
    overviews = Overviews(core.registry.queries, core.clock)
    limit = WatcherLimit(own.watchers_per_address)
    core.gauge("watchers", "Clients that are sent changes as they happen.", lambda: limit.taken)
    catalogue = Catalogue(core, reader, ToolReader(core.registry), Watch(reader, core.feed, limit), overviews)
    exports = Exports(core.readers, store, core.registry.queries)
    routes = [*catalogue.routes(), resource("/catalog/v1/export", GET=exports.export)]
    description = "The services of all dialects: present, past, and changes."
    return Mount(routes, fault, operations(protected=core.readers.protected), description)
