"""OpenAPI descriptions of the gateway's own endpoints: health, API documentation, page."""

from typing import Literal

import msgspec

from registry_gateway.endpoints import api_docs
from registry_gateway.endpoints.page import openapi as page
from registry_gateway.http.operation import RETRY_AFTER, Detail, Operation, Parameter, Response


class Health(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"]


class Ready(msgspec.Struct):
    """The database can be read and written, and is at the migration this version needs."""

    status: Literal["ready"]


class Unready(msgspec.Struct):
    """The gateway is not ready. `reason` says why."""

    status: Literal["unavailable"]
    reason: str


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        name="health",
        summary="Check that the process runs",
        description="Does not touch the database, because a restart of the gateway would not repair that.",
        responses={200: Response("The process runs.", Health)},
    ),
    Operation(
        method="GET",
        path="/health/ready",
        name="ready",
        summary="Check that the gateway can serve requests",
        description="Answers within 2 seconds. The gateway is not ready if no write has succeeded for 5 seconds.",
        parameters=(Parameter("for", "`reads`: check reads only.", "query", Literal["reads"]),),
        responses={
            200: Response("It is ready.", Ready),
            400: Response("`for` has another value.", Detail),
            503: Response("It is not ready.", Unready, headers=RETRY_AFTER),
        },
    ),
    *api_docs.OPERATIONS,
    *page.OPERATIONS,
)
