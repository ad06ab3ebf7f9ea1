"""Descriptions of operations, from which /openapi.json is made.

Each adapter has a table of them beside its routes, and so has each endpoint of the gateway. The types of bodies are the
msgspec types that requests are decoded into and answers are encoded from, or that describe an answer made of stored
bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""ISO 8601 with an offset."""


class Detail(msgspec.Struct):
    """An error in one sentence, in FastAPI's shape."""

    detail: str


class Flaw(msgspec.Struct):
    """An error in a request: its kind, its place (such as `body`, `info`, `id`), and a description."""

    type: str
    loc: list[str | int]
    msg: str


class Unprocessable(msgspec.Struct):
    """The errors in a request, in FastAPI's shape. The input is not repeated."""

    detail: list[Flaw]


@dataclass(frozen=True)
class Security:
    """A security scheme of OpenAPI. Its name is unique in the gateway."""

    name: str
    scheme: Mapping[str, str]


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path, query or headers. Path parameters are required, others are optional."""

    name: str
    description: str
    where: Literal["path", "query", "header"] = "path"
    kind: Any = Annotated[str, Meta(min_length=1)]
    example: object = None


@dataclass(frozen=True)
class Response:
    """An answer: its meaning, the type of its body (None: no body), its media type, and descriptions of its headers.

    `messages` are the types of the messages of a stream. OpenAPI 3.1 has no place for them but the list of all types.
    """

    description: str
    body: Any = None
    media: str = "application/json"
    headers: Mapping[str, str] | None = None
    messages: Sequence[Any] = ()


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path.

    Attributes:
        method: The HTTP method, in capitals.
        path: The path as clients write it: parameters in braces, without Starlette's convertors.
        name: The operationId without the dialect's name before it. It is unique in the dialect and never changes.
        summary: One line.
        description: Further description in Markdown.
        parameters: The parameters in path, query and headers.
        request: The type of the body; None if there is none.
        optional: Whether the body may be left out.
        example: A valid body.
        responses: The answers by status.
        security: The credential that is required; None if none is.
        deprecated: Whether new clients should not use it.
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
    """Return `operations` with a required credential."""
    return tuple(replace(operation, security=security) for operation in operations)


IF_NONE_MATCH = Parameter("If-None-Match", "ETag of an earlier answer. 304 if it is still current.", "header", str)
"""The parameter of reads that can answer 304."""

ETAG = {"ETag": "Entity tag of this answer."}
"""Headers of the answers to such reads."""

NOT_MODIFIED: Mapping[int, Response] = {304: Response("The answer with that ETag is current.", headers=ETAG)}
"""The 304 of such reads."""

RETRY_AFTER = {"Retry-After": "Seconds to wait."}
"""Headers of a temporary refusal."""
