"""OpenAPI descriptions of the catalogue's endpoints."""

from collections.abc import Mapping
from dataclasses import replace

from registry_gateway.endpoints.catalogue import csv_lines, export
from registry_gateway.endpoints.catalogue.export import Export
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.endpoints.catalogue.query import Counted, EventId, Events, Services, Watching
from registry_gateway.endpoints.catalogue.tool_query import OneTool, Tools
from registry_gateway.endpoints.read_openapi import BAD_PARAMETER, SERVICE, answers, guarded
from registry_gateway.http import problem_details
from registry_gateway.http.operation import (
    ETAG,
    IF_NONE_MATCH,
    Operation,
    Parameter,
    Response,
)
from registry_gateway.http.query import parameters
from registry_gateway.wire.catalogue import (
    Change,
    EventList,
    LogPage,
    OverviewBody,
    Ready,
    Service,
    ServiceDetail,
    ServiceList,
    Stats,
)
from registry_gateway.wire.tools import ToolDetail, ToolList

_LAST_EVENT_ID = Parameter("Last-Event-ID", "The same as `last_event_id`; browsers send it.", "header", EventId)


def _csv(responses: Mapping[int, Response]) -> Mapping[int, Response]:
    headers = {**ETAG, "Content-Disposition": "A file name for the answer."}
    return {**responses, 200: replace(responses[200], media=csv_lines.MEDIA_TYPE, headers=headers)}


_OPERATIONS = (
    Operation(
        method="GET",
        path="/catalog/v1/services",
        name="services",
        summary="List the services of all dialects",
        description="A service must match all filters. Each page continues after the last row of the page before, so "
        "changes in between do not shift rows. With `at`, the services that were alive at that instant.",
        parameters=(*parameters(Services), IF_NONE_MATCH),
        responses=answers("A page.", ServiceList, p410="`at` is before the first event in the log; see `since`."),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/services/{dialect}/{key}",
        name="service",
        summary="Get all details of a service",
        description="A service that is gone is shown from the log of events.",
        parameters=(*SERVICE, IF_NONE_MATCH),
        responses=answers("The service.", ServiceDetail, p404="The service is neither registered nor in the log."),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/services/{dialect}/{key}/events",
        name="events",
        summary="List the events of a service",
        parameters=(*SERVICE, *parameters(Events), IF_NONE_MATCH),
        responses=answers(
            "A page.",
            EventList,
            p404="The service is neither registered nor in the log.",
            p410="Events after the cursor have been removed from the log.",
        ),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/events",
        name="watch",
        summary="Watch the services of all dialects",
        description="An endless stream of server-sent events. It begins with a `service` for each matching service and "
        "a `ready` with an `id`. Then each event is sent as a `change` with an `id`. With the last `id`, the stream "
        "resumes after it, without a gap and without a snapshot.",
        parameters=(*parameters(Watching), _LAST_EVENT_ID),
        responses={
            200: Response(
                "The stream. The data of a `service` is a `CatalogueService`, of a `ready` a `CatalogueReady`, of a "
                "`change` a `CatalogueChange`.",
                str,
                "text/event-stream",
                messages=(Service, Ready, Change),
            ),
            400: BAD_PARAMETER,
            410: problem_details.response("Events after the id have been removed from the log; start without the id."),
            429: problem_details.response(
                "The address has as many watchers as `REGISTRY_GATEWAY_WATCHERS_PER_ADDRESS` allows."
            ),
            503: problem_details.response(
                "The database is unavailable, or the process has its maximum of watchers or of different filters."
            ),
        },
    ),
    Operation(
        method="GET",
        path="/catalog/v1/log",
        name="log",
        summary="List the events of all services",
        description="Newest first. An event must match all filters. The events of accounts and webhooks are left out; "
        "those of the gateway itself (`resumed`) have an empty dialect.",
        parameters=(*parameters(LogQuery), IF_NONE_MATCH),
        responses=answers("A page.", LogPage),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/log.csv",
        name="log_csv",
        summary="List the events of all services as CSV",
        description="The same page as that of `/catalog/v1/log`. The header `Link` has the URL of the next page "
        '(`rel="next"`), if there is one.',
        parameters=(*parameters(LogQuery), IF_NONE_MATCH),
        responses=_csv(answers("A page, with a header line.", str)),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/overview",
        name="overview",
        summary="Get the state of the registry and its last day",
        description="Counts, a series of live services and of lapses, mass lapses, emptied dialects and absences. "
        "Computed at most once a minute, for all readers of a process.",
        parameters=(IF_NONE_MATCH,),
        responses=answers("The overview.", OverviewBody),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/tools",
        name="tools",
        summary="List the tools of all services",
        description="Each tool of the registered services once, with the number of services that have it.",
        parameters=(*parameters(Tools), IF_NONE_MATCH),
        responses=answers("A page.", ToolList),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/tools/{name}",
        name="tool",
        summary="List the services that have a tool",
        description="With what each service says of the tool, and with the command line that runs it there.",
        parameters=(Parameter("name", "Name of the tool.", example="rotate"), *parameters(OneTool), IF_NONE_MATCH),
        responses=answers("The tool.", ToolDetail, p404="No registered service has such a tool."),
    ),
    Operation(
        method="GET",
        path="/catalog/v1/export",
        name="export",
        summary="Export all registrations",
        description="One JSON object per line: all registrations by dialect and key, with ended ones that are kept, "
        "and then the events if they are asked for. All are of one instant. A process reads one export at a time.",
        parameters=parameters(Export),
        responses={
            200: Response(f"The lines, as `{export.MEDIA_TYPE}`."),
            400: BAD_PARAMETER,
            503: problem_details.response("The database is unavailable, or another export is being read."),
        },
    ),
    Operation(
        method="GET",
        path="/catalog/v1/stats",
        name="stats",
        summary="Get statistics of the registry",
        description="With filters, numbers of services and the times of heartbeats are those of the services that "
        "match. `events_last_hour` is always of all services.",
        parameters=(*parameters(Counted), IF_NONE_MATCH),
        responses=answers("The statistics.", Stats),
    ),
)


def operations(*, protected: bool) -> tuple[Operation, ...]:
    """Return the operations; if `protected`, with a required token."""
    return guarded(_OPERATIONS) if protected else _OPERATIONS
