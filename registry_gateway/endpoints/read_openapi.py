"""OpenAPI descriptions that reads over all dialects share: answers, and the token they may require."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from registry_gateway.http import problem_details
from registry_gateway.http.operation import ETAG, NOT_MODIFIED, Operation, Parameter, Response, Security, secured

SECURITY = Security(
    "catalogue_token",
    {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of an account with the scope `read:catalog` or `admin:registry`: "
        "`registry-gateway accounts create NAME --scope read:catalog`.",
    },
)

SERVICE = (
    Parameter("dialect", "Name of the dialect.", example="runspec"),
    Parameter("key", "Key of the service: its slug, id or instance id. Slashes need no encoding.", example="5f0c"),
)
"""The parameters of a service's path."""

BAD_PARAMETER = problem_details.response("A parameter is invalid; `parameter` is its name.")


def answers(description: str, body: Any, **problems: str) -> Mapping[int, Response]:
    """Return the answers of a read with an ETag: 200, 304, 400, 503 and `problems`, such as `p404="No such tool."`."""
    worded = {int(status.removeprefix("p")): problem_details.response(text) for status, text in problems.items()}
    always = {
        400: BAD_PARAMETER,
        503: problem_details.response(
            "The database is unavailable, or too many expensive reads run at once; see `Retry-After`."
        ),
    }
    return {200: Response(description, body, headers=ETAG), **NOT_MODIFIED, **worded, **always}


def guarded(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Return `operations` with a required token that has the scope to read."""
    refusals = {
        401: problem_details.response("No valid token."),
        403: problem_details.response("The token lacks the scope."),
    }
    return secured([replace(o, responses={**o.responses, **refusals}) for o in operations], SECURITY)
