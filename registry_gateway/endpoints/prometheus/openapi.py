"""What Prometheus asks for, as /openapi.json has it."""

from registry_gateway.endpoints.prometheus.discovery import Group, Targets
from registry_gateway.endpoints.read_openapi import answers
from registry_gateway.http.operation import IF_NONE_MATCH, Operation, Response
from registry_gateway.http.query import parameters

OPERATIONS = (
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="The gateway's figures",
        description="In Prometheus' text format, or as OpenMetrics where `Accept` asks for it. docs/operations.md has "
        "a table of them.",
        responses={200: Response("They.", str, "text/plain")},
    ),
    Operation(
        method="GET",
        path="/sd/prometheus",
        name="targets",
        summary="Services as targets for Prometheus",
        description="HTTP service discovery: every service that matches and has an address to connect to, never some.",
        parameters=(*parameters(Targets), IF_NONE_MATCH),
        responses=answers("All of them.", list[Group]),
    ),
)
