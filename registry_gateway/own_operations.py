"""What /openapi.json says of what the gateway itself answers, beside its dialects."""

from typing import Literal

import msgspec

from registry_gateway import api_pages
from registry_gateway.operation import Operation, Response
from registry_gateway.page import operations as page


class Well(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"]


class Ready(msgspec.Struct):
    """The database answers too, and is at the migration this version needs."""

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
        responses={200: Response("It can.", Ready), 503: Response("It can't.", Unready)},
    ),
    *api_pages.OPERATIONS,
    *page.OPERATIONS,
)
