"""Mounts: routes with the wording of their errors, and the boundary at which all exceptions become answers."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match, Route, Router
from starlette.types import Message, Receive, Scope, Send

from registry_gateway.core.errors import INTERRUPTED, OutcomeUnknown, StoreUnavailable
from registry_gateway.http.answer import NOSNIFF, Answer
from registry_gateway.http.body import BodyCutShort
from registry_gateway.http.call import request_id
from registry_gateway.http.lifespans import Lifespan
from registry_gateway.http.operation import Operation
from registry_gateway.http.routing import methods
from registry_gateway.observability.metrics import Requests

log = logging.getLogger("registry_gateway.requests")


@dataclass(frozen=True)
class Mount:
    """The routes of an adapter, the busiest first, with the wording of their errors.

    `fault` converts any exception that a route raises into an answer in the dialect's shape: the core's
    `RegistryError`s, the exceptions of `decode_errors`, `BodyTooLarge`, Starlette's `HTTPException` (404 and 405), and
    any other as a 500 that does not reveal its cause.

    `operations` and `description` describe the dialect in /openapi.json. Routes without an operation appear there with
    path and method alone.

    `lifespan` returns an asynchronous context manager for resources that are open while the application runs, such as
    a task or an HTTP client. It is entered once in each process, after the database is opened and before the first
    request, and left after the last request, before the database is closed. An error on entering stops the start.
    Leaving has half a second; an error there is logged.
    """

    routes: Sequence[BaseRoute]
    fault: Callable[[Exception, Scope], Answer]
    operations: Sequence[Operation] = ()
    description: str = ""
    lifespan: Lifespan | None = None


class Mounted:
    """The ASGI application of a mount. Exceptions of its routes become answers and log records."""

    def __init__(self, name: str, mount: Mount, requests: Requests) -> None:
        self.name = name
        self.mount = mount
        self._router = Router(mount.routes, redirect_slashes=False).app  # without middleware, which costs a call
        self._fault = mount.fault
        self._requests = requests
        self._notes_status = all(isinstance(route, Route) and methods(route) for route in mount.routes)
        self._resources = mount.routes if self._notes_status else ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and count it. The mount's `fault` words exceptions."""
        began = perf_counter()
        if not self._notes_status:
            send = _noting(scope, send)
        try:
            if "\x00" in scope["path"]:
                raise HTTPException(404)  # no key contains NUL, because PostgreSQL's text cannot
            for route in self._resources:  # as Starlette's router does, without its other checks
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    await route.handle(scope, receive, send)
                    break
            else:
                await self._router(scope, receive, send)
        except (BodyCutShort, ClientDisconnect):
            return  # no answer can be sent or counted; the connection counts the request as abandoned
        except Exception as error:
            await self._answer(error, scope, send)
        except asyncio.CancelledError as cancelled:  # the server stops, and the time for requests in flight is over
            if "status" in scope:  # the answer has begun
                raise
            stopped = OutcomeUnknown if INTERRUPTED in getattr(cancelled, "__notes__", ()) else StoreUnavailable
            await self._answer(stopped("the gateway stops"), scope, send)
        self._requests.answered(scope, perf_counter() - began)

    async def _answer(self, error: Exception, scope: Scope, send: Send) -> None:
        answer = self._fault(error, scope)
        answer.mask()
        answer.headers += [(b"x-request-id", request_id(scope).encode()), NOSNIFF]
        _log(self.name, error, answer.status, scope)
        scope["status"] = answer.status
        await answer.send(scope, send)


def _noting(scope: Scope, send: Send) -> Send:
    """Return a `send` that stores the status in the scope, for routes that were not made by `resource`."""

    async def noted(message: Message) -> None:
        if message["type"] == "http.response.start":
            scope["status"] = message["status"]
        await send(message)

    return noted


def _log(dialect: str, error: Exception, status: int, scope: Scope) -> None:
    client = scope.get("client")
    fields = {
        "dialect": dialect,
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "client": client[0] if client else None,
        "request_id": request_id(scope),
    }
    if status == 500:
        log.error("request failed", extra=fields, exc_info=error)
    elif status > 500:
        log.error("request failed: %s", error, extra=fields)
    else:
        reason = error.detail if isinstance(error, HTTPException) else str(error) or type(error).__name__
        log.info("request refused: %s", reason, extra=fields)
