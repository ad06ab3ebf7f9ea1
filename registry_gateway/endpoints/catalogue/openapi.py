"""The catalogue's endpoints as /openapi.json has them: the one place that says what each takes and answers."""

from registry_gateway.endpoints.catalogue.query import EventId, Events, Services, Watching
from registry_gateway.endpoints.catalogue.wire import EventList, ServiceDetail, ServiceList, Stats
from registry_gateway.endpoints.read_openapi import BAD_PARAMETER, SERVICE, answers, guarded
from registry_gateway.http import problem_details
from registry_gateway.http.operation import (
    IF_NONE_MATCH,
    Operation,
    Parameter,
    Response,
)
from registry_gateway.http.query import parameters

_LAST_EVENT_ID = Parameter("Last-Event-ID", "The same as `last_event_id`; browsers send it.", "header", EventId)

_OPERATIONS = (
    Operation(
        method="GET",
        path="/catalog/v1/services",
        name="services",
        summary="Services of all dialects",
        description="Filters add up. Pages hold still under change: each goes on behind the last row of the one "
        "before. With `at`, what was alive at that instant.",
        parameters=(*parameters(Services), IF_NONE_MATCH),
        responses=answers("A page.", ServiceList, p410="The log of events doesn't reach back so far; see `since`."),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/services/{dialect}/{key}",
        name="service",
        summary="All there is on one service",
        description="Also of one that is gone, from the log of events.",
        parameters=(*SERVICE, IF_NONE_MATCH),
        responses=answers("It.", ServiceDetail, p404="There never was one, as far as is known."),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/services/{dialect}/{key}/events",
        name="events",
        summary="What happened to one service",
        parameters=(*SERVICE, *parameters(Events), IF_NONE_MATCH),
        responses=answers(
            "A page.",
            EventList,
            p404="There never was one, as far as is known.",
            p410="Events that follow the cursor are not kept any longer.",
        ),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/events",
        name="watch",
        summary="Watch the services of all dialects",
        description="A stream of server-sent events that doesn't end. It begins with a `service` for each that "
        "matches and a `ready` with an `id`; from then on there is a `change` with an `id` for each event. With the "
        "last `id` it goes on behind that, without a gap and without a snapshot.",
        parameters=(*parameters(Watching), _LAST_EVENT_ID),
        responses={
            200: Response("The stream.", str, "text/event-stream"),
            400: BAD_PARAMETER,
            410: problem_details.response("What followed the id is not kept any longer; start without it."),
            429: problem_details.response(
                "The address has as many watchers as `REGISTRY_GATEWAY_WATCHERS_PER_ADDRESS` allows."
            ),
            503: problem_details.response(
                "No database, or as many watchers, or different filters, as one process takes."
            ),
        },
    ),
    Operation(
        method="GET",
        path="/catalog/v1/stats",
        name="stats",
        summary="The registry in figures",
        parameters=(IF_NONE_MATCH,),
        responses=answers("They.", Stats),
    ),
)


def operations(*, protected: bool) -> tuple[Operation, ...]:
    """Return the operations; `protected` ones ask for a token."""
    return guarded(_OPERATIONS) if protected else _OPERATIONS
