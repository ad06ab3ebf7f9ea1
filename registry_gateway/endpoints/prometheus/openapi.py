"""OpenAPI descriptions of the endpoints for Prometheus."""

from registry_gateway.endpoints.prometheus.discovery import Group, Targets
from registry_gateway.endpoints.read_openapi import answers
from registry_gateway.http.operation import IF_NONE_MATCH, Operation, Response
from registry_gateway.http.query import parameters

OPERATIONS = (
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="Get the gateway's metrics",
        description="In Prometheus' text format, or as OpenMetrics if `Accept` requests it. docs/operations.md lists "
        "them.",
        responses={200: Response("The metrics.", str, "text/plain")},
    ),
    Operation(
        method="GET",
        path="/sd/prometheus",
        name="targets",
        summary="List the services as targets for Prometheus",
        description="HTTP service discovery: all matching services that have an address to connect to. The list is "
        "never partial.",
        parameters=(*parameters(Targets), IF_NONE_MATCH),
        responses=answers("All matching services.", list[Group]),
    ),
)
