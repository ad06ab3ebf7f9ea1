"""OpenAPI descriptions of the page."""

from registry_gateway.endpoints.read_openapi import SERVICE
from registry_gateway.http.operation import ETAG, IF_NONE_MATCH, NOT_MODIFIED, Detail, Operation, Parameter, Response

_PAGE = {200: Response("The page.", str, "text/html", ETAG), **NOT_MODIFIED}

OPERATIONS = (
    Operation(
        method="GET",
        path="/",
        name="page",
        summary="Get the page with all services",
        description="It takes the filters and `sort` of `/catalog/v1/services`, and reads its data from there.",
        parameters=(IF_NONE_MATCH,),
        responses=_PAGE,
    ),
    Operation(
        method="GET",
        path="/services/{dialect}/{key}",
        name="page_service",
        summary="Get the page of one service",
        parameters=(*SERVICE, IF_NONE_MATCH),
        responses=_PAGE,
    ),
    Operation(
        method="GET",
        path="/page/tools",
        name="page_tools",
        summary="Get the page with the tools of all services",
        parameters=(IF_NONE_MATCH,),
        responses=_PAGE,
    ),
    Operation(
        method="GET",
        path="/page/events",
        name="page_events",
        summary="Get the page with the log of events",
        description="It takes the filters of `/catalog/v1/log`.",
        parameters=(IF_NONE_MATCH,),
        responses=_PAGE,
    ),
    Operation(
        method="GET",
        path="/page/{file}",
        name="page_file",
        summary="Get a file of these pages",
        parameters=(Parameter("file", "Name of the file.", example="services.js"), IF_NONE_MATCH),
        responses={
            200: Response("A script.", str, "text/javascript", ETAG),
            **NOT_MODIFIED,
            404: Response("No such file.", Detail),
        },
    ),
)
