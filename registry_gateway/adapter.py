"""What an adapter is, how adapters are found, and how one is mounted.

An adapter translates one dialect: its routes decode a request, do one core call and encode the answer. It is a
value of `Adapter` behind an entry point of the group `registry_gateway.adapters`; see docs/adding-an-adapter.md.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from time import perf_counter
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Message, Receive, Scope, Send

from registry_gateway.auth.accounts import Accounts
from registry_gateway.auth.service_keys import Keyrings
from registry_gateway.bulk.importing import Importer
from registry_gateway.core.clock import Clock
from registry_gateway.core.errors import INTERRUPTED, OutcomeUnknown, StoreUnavailable
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.http.body import BodyCutShort
from registry_gateway.http.exchange import NOSNIFF, Answer, request_id
from registry_gateway.http.operation import Operation
from registry_gateway.http.routing import methods
from registry_gateway.observability.metrics import Requests
from registry_gateway.registry.registry import Registry
from registry_gateway.settings import Configuration, Settings, SettingsError

GROUP = "registry_gateway.adapters"

OWN_SEGMENTS = frozenset({"admin", "catalog", "docs", "health", "metrics", "openapi.json", "page", "sd", "services"})
"""First path segments no adapter may claim: what the gateway answers there is its own."""

log = logging.getLogger("registry_gateway.requests")


@dataclass(frozen=True)
class Core:
    """What the gateway gives an adapter to work with."""

    registry: Registry
    accounts: Accounts
    keyrings: Keyrings
    settings: Settings
    clock: Clock


@dataclass(frozen=True)
class Mount:
    """What an adapter gives the gateway: its routes, the busiest first, and the wording of its errors.

    `fault` turns any exception a route raises into an answer in the dialect's shape: the core's
    `RegistryError`s, what `decode_errors` words, `BodyTooLarge`, Starlette's `HTTPException` (404 and 405), and
    everything else as a 500 that says nothing of its cause.

    `operations` and `description` are what /openapi.json says of the dialect; routes that have no operation
    appear there by path and method alone.
    """

    routes: Sequence[BaseRoute]
    fault: Callable[[Exception, Scope], Answer]
    operations: Sequence[Operation] = ()
    description: str = ""


@dataclass(frozen=True)
class Adapter:
    """A dialect.

    Attributes:
        name: Its name in settings, events and on the command line.
        segments: The first path segments it answers; no two adapters may share one.
        settings: Struct of its settings; each field's environment name starts with the adapter's name unless
            its metadata says otherwise.
        policy: Its lease policy, from the gateway's and its own settings.
        mount: Builds its routes; called once at start.
        welcome: Lines for the start of `serve`: where the dialect is, and a curl line that registers something.
        closed_reads: Tells, from its settings, whether reading needs a credential; the catalogue then needs one too.
        open_writes: Tells, from its settings, whether anybody may write: the name of the setting that would close
            it, or None. Leave it out for a dialect that is never open, or always is on purpose.
        warnings: Tells, from the gateway's settings and its own, what `serve` warns of at the start: one line each.
        write_only: Paths that no GET is for. `registry-gateway doctor URL` asks there: a 405 tells that they arrive
            as they are written.
        importer: How it takes over what another registry of its kind lists, if it can.
    """

    name: str
    segments: frozenset[str]
    settings: type[msgspec.Struct]
    policy: Callable[[Settings, Any], LeasePolicy]
    mount: Callable[[Core, Any], Mount]
    welcome: Callable[[str, Any], Sequence[str]]
    open_writes: Callable[[Any], str | None] = lambda _own: None
    closed_reads: Callable[[Any], bool] = lambda _own: False
    warnings: Callable[[Settings, Any], Sequence[str]] = lambda _core, _own: ()
    write_only: Sequence[str] = ()
    importer: Importer | None = None


def installed() -> tuple[Adapter, ...]:
    """Return the adapters that are installed, by name.

    Raises:
        SettingsError: One can't be loaded, or two claim the same name or path.
    """
    found: dict[str, Adapter] = {}
    claimed = dict.fromkeys(OWN_SEGMENTS, "the gateway itself")
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            adapter = point.load()
        except Exception as error:
            raise SettingsError(f"the adapter {point.name} can't be loaded: {error}") from error
        if adapter.name in found:
            raise SettingsError(f"two adapters are called {adapter.name}; uninstall one")
        for segment in adapter.segments:
            other = claimed.setdefault(segment, adapter.name)
            if other != adapter.name:
                raise SettingsError(f"{other} and {adapter.name} both answer /{segment}")
        found[adapter.name] = adapter
    return tuple(found.values())


def chosen(adapters: Sequence[Adapter], settings: Settings) -> tuple[Adapter, ...]:
    """Return those of `adapters` that the settings switch on."""
    return tuple(a for a in adapters if settings.dialects is None or a.name in settings.dialects)


def open_to_writes(adapters: Sequence[Adapter], configuration: Configuration) -> dict[str, str]:
    """Return the dialects anybody may write to, each with the name of the setting that would close it."""
    named = {a.name: a.open_writes(configuration.adapters[a.name]) for a in adapters}
    return {name: setting for name, setting in named.items() if setting is not None}


class Mounted:
    """An adapter's routes behind the boundary no exception passes."""

    def __init__(self, name: str, mount: Mount, requests: Requests) -> None:
        """Take the dialect's name, what its adapter built, and what counts the requests to it."""
        self.name = name
        self.mount = mount
        self._router = Router(mount.routes, redirect_slashes=False)
        self._fault = mount.fault
        self._requests = requests
        self._notes_status = all(isinstance(route, Route) and methods(route) for route in mount.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; whatever a route raises is worded by the adapter and logged."""
        began = perf_counter()
        if not self._notes_status:
            send = _noting(scope, send)
        try:
            if "\x00" in scope["path"]:
                raise HTTPException(404)  # no key holds NUL: PostgreSQL's text can't
            await self._router(scope, receive, send)
        except (BodyCutShort, ClientDisconnect):
            return  # there is no client to answer, and no answer to count; the connection counts it
        except Exception as error:
            await self._answer(error, scope, send)
        except asyncio.CancelledError as cancelled:  # the server stops, and has waited for it long enough
            if "status" in scope:  # it is being answered
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
    """Return `send` for routes that were not made by `resource`: the status goes into the scope."""

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
