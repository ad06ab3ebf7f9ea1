"""Endpoints for Prometheus: the gateway's metrics at `/metrics`, and services as targets at `/sd/prometheus`.

Like the catalogue, they read through the pool of connections, and they require the same permission.
"""

from registry_gateway.adapter import Core, Mount
from registry_gateway.endpoints.prometheus.collector import Collector
from registry_gateway.endpoints.prometheus.discovery import Discovery
from registry_gateway.endpoints.prometheus.openapi import OPERATIONS
from registry_gateway.endpoints.prometheus.routes import Prometheus
from registry_gateway.endpoints.read_openapi import guarded
from registry_gateway.http.problem_details import fault
from registry_gateway.registry.readiness import Readiness
from registry_gateway.store.engine import Store

SEGMENTS = ("metrics", "sd")
"""The first path segments."""


def mount(core: Core, store: Store, readiness: Readiness) -> Mount:
    """Return the mount."""
    queries = core.registry.queries
    routes = Prometheus(
        core.readers,
        Collector(
            core.registry.metrics,
            store,
            readiness,
            queries,
            core.clock,
            per_service=core.settings.metrics_per_service,
        ),
        Discovery(queries),
    ).routes()
    operations = guarded(OPERATIONS) if core.readers.protected else OPERATIONS
    return Mount(routes, fault, operations, "Metrics of the gateway, and services as targets, for Prometheus.")
