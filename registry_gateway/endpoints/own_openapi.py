"""What /openapi.json says of what the gateway itself answers, beside its dialects."""

from typing import Literal

import msgspec

from registry_gateway.endpoints import api_docs
from registry_gateway.endpoints.page import openapi as page
from registry_gateway.http.operation import RETRY_AFTER, Detail, Operation, Parameter, Response


class Well(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"]


class Ready(msgspec.Struct):
    """The database can be read and written, and is at the migration this version needs."""

    status: Literal["ready"]


class Unready(msgspec.Struct):
    """Why the gateway can't do its work."""

    status: Literal["unavailable"]
    reason: str


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        name="health",
        summary="Whether the process lives",
        description="Asks nothing of the database: restarting the gateway would not mend that.",
        responses={200: Response("It does.", Well)},
    ),
    Operation(
        method="GET",
        path="/health/ready",
        name="ready",
        summary="Whether the gateway can do its work",
        description="Answers within 2 seconds. It is not ready when nothing could be written for 5 seconds.",
        parameters=(Parameter("for", "`reads`: whether it can answer reads.", "query", Literal["reads"]),),
        responses={
            200: Response("It can.", Ready),
            400: Response("`for` is none of these.", Detail),
            503: Response("It can't.", Unready, headers=RETRY_AFTER),
        },
    ),
    *api_docs.OPERATIONS,
    *page.OPERATIONS,
)
