"""Paths and their handlers: `resource` makes a `starlette.routing.Route` of `async def handler(call) -> Answer`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar

from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call

Handler = Callable[[Call], Awaitable[Answer]]


class _Endpoint:
    """An ASGI callable for the handlers of a path. It is not a function, which Starlette would call with a Request."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self.handlers.get(scope["method"])
        if handler is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self.handlers))})
        answer = await handler(Call(scope, receive))
        scope["status"] = answer.status  # for the metrics
        await answer.send(scope, send)


class _Resource(Route):
    """A route without a prefix, with handlers by method, and with text parameters only.

    Starlette's own route also looks for a prefix, which the gateway has removed already, converts each parameter and
    checks the method, for each route that is tried.
    """

    def __init__(self, path: str, endpoint: _Endpoint) -> None:
        super().__init__(path, endpoint, name=path)
        self.handle = endpoint.__call__  # type: ignore[method-assign] # Starlette's checks the method, and costs a call

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return `Match.FULL` and the path parameters if the path is this one."""
        found = self.path_regex.fullmatch(scope["path"])  # a `$` would allow a line break at the end
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": found.groupdict()}


class Anything(Convertor[str]):
    """Path parameter of any text, slashes and line breaks included: `{key:anything}`.

    Starlette's own `path` stops at a line break, and `/instances/a%0A` would be `/instances/a`.
    """

    regex: ClassVar[str] = "(?s:.+)"

    def convert(self, value: str) -> str:
        """Return the text as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return the text as it is."""
        return value


register_url_convertor("anything", Anything())  # for the whole process


def resource(path: str, **handlers: Handler) -> Route:
    """Return the route of a path, with a handler for each of its methods: `resource("/x/{key:anything}", GET=show)`.

    HEAD is answered as GET. Any other method raises Starlette's HTTPException 405 with the `Allow` header.
    """
    if "GET" in handlers:
        handlers.setdefault("HEAD", handlers["GET"])
    return _Resource(path, _Endpoint(handlers))


def methods(route: Route) -> frozenset[str]:
    """Return the methods that a route answers; an empty set if it was not made by `resource`."""
    return frozenset(route.endpoint.handlers) if isinstance(route.endpoint, _Endpoint) else frozenset()
