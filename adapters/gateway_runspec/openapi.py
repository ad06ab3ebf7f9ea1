"""OpenAPI descriptions of runspec. docs/wire/runspec.md describes the dialect in prose."""

from collections.abc import Mapping

from gateway_runspec.wire import (
    HeartbeatRequest,
    HeartbeatResponse,
    Host,
    Instance,
    OfferedTool,
    RegisterRequest,
    StatusResponse,
    ToolsRequest,
)
from registry_gateway.adapter import (
    ETAG,
    IF_NONE_MATCH,
    NOT_MODIFIED,
    Detail,
    Operation,
    Parameter,
    Response,
    Security,
    Unprocessable,
    fastapi_errors,
)

DESCRIPTION = "runspec agents and their tools: the registry of runspec-registry 0.1.1."

API_KEY = Security(
    "RunspecApiKey",
    {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The gateway's runspec API key."},
)

ID = Parameter("id", "The agent's `instance_id`, percent-encoded. Slashes need no encoding.", example="5f0c")
ACTIVE = Parameter(
    "active",
    "`false` lists inactive instances too; any of `true 1 on t y yes`, `false 0 off f n no`, in any case.",
    "query",
    bool,
)
USER = Parameter("user", "Login name for the sessions.", "query", str, "joe")

_REFUSED: Mapping[int, Response] = {403: Response("The key is missing or wrong.", Detail)}
_BODY: Mapping[int, Response] = {
    413: Response("The body is too large.", Detail),
    422: Response("The body is not valid.", Unprocessable),
}
_QUERY: Mapping[int, Response] = {422: Response("`active` is not a boolean.", Unprocessable)}
_NO_INSTANCE: Mapping[int, Response] = {404: Response("No such instance.", Detail)}
_NO_TOOL: Mapping[int, Response] = {404: Response("No such tool.", Detail)}
_ATTACHED = {"Content-Disposition": "A name for the file."}

WRITES = (
    Operation(
        method="POST",
        path="/instances",
        name="register",
        summary="Register an agent",
        description="Replaces what was registered under the id and empties its tools. Unknown members are kept.",
        request=RegisterRequest,
        example={"instance_id": "5f0c", "name": "portal", "version": "1.0", "host": "web-01"},
        responses={
            201: Response("Registered.", StatusResponse),
            403: Response(
                "The key is missing or wrong, or there are as many as `REGISTRY_GATEWAY_RUNSPEC_MAX_INSTANCES` allows.",
                Detail,
            ),
            **_BODY,
            **fastapi_errors.LIMITED,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="POST",
        path="/instances/{id}/heartbeat",
        name="heartbeat",
        summary="Send a heartbeat",
        description="Revives an inactive agent. The body is optional and not stored.",
        parameters=(ID,),
        request=HeartbeatRequest,
        optional=True,
        example={"system": {"pid": 4711, "uptime": 30}},
        responses={
            200: Response(
                "`refresh` requests the tools: there is no such instance, or it has posted none since it registered.",
                HeartbeatResponse,
            ),
            **_REFUSED,
            **_BODY,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="POST",
        path="/instances/{id}/tools",
        name="advertise",
        summary="Replace an agent's tools",
        description="Does not count as a heartbeat. Members that are not documented are stored as sent.",
        parameters=(ID,),
        request=ToolsRequest,
        example={
            "tools": [
                {
                    "name": "rotate",
                    "description": "Rotate the logs",
                    "inputSchema": {"type": "object"},
                    "x-command": "/opt/bin/rotate",
                    "x-run-as": "logs",
                    "x-become-method": "sudo",
                }
            ]
        },
        responses={
            200: Response("Replaced.", StatusResponse),
            403: Response(
                "The key is missing or wrong, or all tools would be more than `REGISTRY_GATEWAY_RUNSPEC_MAX_TOOLS`.",
                Detail,
            ),
            **_NO_INSTANCE,
            **_BODY,
            **fastapi_errors.LIMITED,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="DELETE",
        path="/instances/{id}",
        name="deregister",
        summary="Deregister an agent",
        description="An unknown id is not an error.",
        parameters=(ID,),
        responses={
            200: Response("The agent is inactive.", StatusResponse),
            **_REFUSED,
            **fastapi_errors.LIMITED,
            **fastapi_errors.BROKEN,
        },
    ),
)
"""The operations that require a key, if keys are set."""

READS = (
    Operation(
        method="GET",
        path="/instances",
        name="list_instances",
        summary="List the live instances",
        parameters=(ACTIVE, IF_NONE_MATCH),
        responses={
            200: Response("The instances, sorted by id.", list[Instance], headers=ETAG),
            **NOT_MODIFIED,
            **_REFUSED,
            **_QUERY,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="GET",
        path="/instances/{id}",
        name="find_instance",
        summary="Get an instance, live or not",
        parameters=(ID, IF_NONE_MATCH),
        responses={
            200: Response("The instance.", Instance, headers=ETAG),
            **NOT_MODIFIED,
            **_REFUSED,
            **_NO_INSTANCE,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="GET",
        path="/tools",
        name="list_tools",
        summary="List the tools with the hosts that have them",
        parameters=(ACTIVE, IF_NONE_MATCH),
        responses={
            200: Response("The tools, sorted by name.", list[OfferedTool], headers=ETAG),
            **NOT_MODIFIED,
            **_REFUSED,
            **_QUERY,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="GET",
        path="/tools/{name}",
        name="find_tool",
        summary="Get a tool",
        parameters=(Parameter("name", "The tool's name.", example="rotate"), ACTIVE, IF_NONE_MATCH),
        responses={
            200: Response("The tool.", OfferedTool, headers=ETAG),
            **NOT_MODIFIED,
            **_REFUSED,
            **_NO_TOOL,
            **_QUERY,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="GET",
        path="/hosts",
        name="list_hosts",
        summary="List the hosts",
        parameters=(ACTIVE,),
        responses={
            200: Response("Sorted by host and name.", list[Host]),
            **_REFUSED,
            **_QUERY,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="GET",
        path="/export/superputty",
        name="export_superputty",
        summary="Export the live hosts as SuperPuTTY sessions",
        parameters=(USER,),
        responses={
            200: Response("A file to import, as `application/xml`.", headers=_ATTACHED),
            **_REFUSED,
            **fastapi_errors.BROKEN,
        },
    ),
    Operation(
        method="GET",
        path="/export/mobaxterm",
        name="export_mobaxterm",
        summary="Export the live hosts as MobaXterm sessions",
        parameters=(USER,),
        responses={
            200: Response("A file to import.", str, "text/plain", _ATTACHED),
            **_REFUSED,
            **fastapi_errors.BROKEN,
        },
    ),
)
"""The operations that require a key, if reads are protected."""
