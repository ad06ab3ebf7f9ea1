"""What an operation is called, takes and answers: the rows of the tables that /openapi.json is made from.

Each adapter keeps such a table beside its routes, as does whatever the gateway answers itself. Bodies are the very
msgspec types that requests are decoded into and answers are encoded from, or that describe an answer put together
from stored bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""ISO 8601 with an offset."""


class Detail(msgspec.Struct):
    """An error in one sentence, as FastAPI words it."""

    detail: str


class Flaw(msgspec.Struct):
    """One thing that is wrong with a request: which kind, where (such as `body`, `info`, `id`), and in words."""

    type: str
    loc: list[str | int]
    msg: str


class Unprocessable(msgspec.Struct):
    """What is wrong with a request, as FastAPI words it. The input is not repeated."""

    detail: list[Flaw]


@dataclass(frozen=True)
class Security:
    """How a caller shows who they are: a security scheme of OpenAPI, under a name unique in the gateway."""

    name: str
    scheme: Mapping[str, str]


@dataclass(frozen=True)
class Parameter:
    """A parameter beside the body. One in the path is always required, no other is."""

    name: str
    description: str
    where: Literal["path", "query", "header"] = "path"
    kind: Any = Annotated[str, Meta(min_length=1)]
    example: object = None


@dataclass(frozen=True)
class Response:
    """An answer: what it means, the type of its body (None: it has none), and the headers worth naming."""

    description: str
    body: Any = None
    media: str = "application/json"
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path.

    Attributes:
        method: In capitals.
        path: As clients write it, parameters in braces and without Starlette's convertors.
        name: With the dialect's before it, the operationId: unique, and never changed.
        summary: A line.
        description: What else there is to know, in Markdown.
        parameters: Those in the path, the query and headers; the body is `request`.
        request: Type of the body, None if there is none.
        optional: Whether the body may be left out.
        example: A body that is accepted.
        responses: By status.
        security: Who may; None: anyone.
        deprecated: Whether clients that are written now should do otherwise.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    responses: Mapping[int, Response]
    description: str = ""
    parameters: Sequence[Parameter] = ()
    request: Any = None
    optional: bool = False
    example: object = None
    security: Security | None = None
    deprecated: bool = False


def secured(operations: Sequence[Operation], security: Security) -> tuple[Operation, ...]:
    """Return `operations` as ones that ask for a credential."""
    return tuple(replace(operation, security=security) for operation in operations)


IF_NONE_MATCH = Parameter("If-None-Match", "ETag of the answer you have. Still current: 304.", "header", str)
"""For reads that answer 304."""

ETAG = {"ETag": "Of this answer."}
"""Headers of what they answer."""

NOT_MODIFIED: Mapping[int, Response] = {304: Response("What you have is current.", headers=ETAG)}
"""That answer."""

RETRY_AFTER = {"Retry-After": "Seconds to wait."}
"""Headers of a refusal that doesn't last."""
