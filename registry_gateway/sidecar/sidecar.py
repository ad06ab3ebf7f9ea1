"""The sidecar: the service, its health, its tools and its registration, until one of them or a signal ends it."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry_gateway.client import Registration
from registry_gateway.client.registration.dialect import Document
from registry_gateway.client.registration.keeper import Check
from registry_gateway.sidecar import health, tools
from registry_gateway.sidecar.children import Children
from registry_gateway.sidecar.service import Service
from registry_gateway.sidecar.signals import Signals
from registry_gateway.sidecar.tools import ToolList

logger = logging.getLogger("registry_gateway.sidecar")


class Unusable(Exception):
    """An option can't be used. The message is one line."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sidecar does.

    Attributes:
        gateway: The gateway's URL.
        dialect: The dialect in which the service is registered.
        document: The body of the registration.
        key: The shared key or the token.
        key_file: A file with it instead, which is read for each request.
        interval: Seconds between two heartbeats; None: the `Registration`'s default.
        ca_file: Certificates of authorities, for the gateway and the health URL.
        health_url: The URL that must be answered while the service is well.
        health_command: The program that must end with 0 instead.
        tools_file: The file with the tools.
        tools_command: The program that prints them instead.
        mcp: The MCP server that has them instead.
        service: The service's program, and its arguments; empty: it runs by itself.
        stop_timeout: Seconds that the service has to end.
    """

    gateway: str
    dialect: str
    document: Document
    key: str | None = field(default=None, repr=False)
    key_file: Path | None = None
    interval: float | None = None
    ca_file: str | None = None
    health_url: str | None = None
    health_command: Sequence[str] = ()
    tools_file: Path | None = None
    tools_command: Sequence[str] = ()
    mcp: str | None = None
    service: Sequence[str] = ()
    stop_timeout: float = 30.0


async def run(plan: Plan) -> int:
    """Keep a service registered until it ends, or a signal ends the sidecar; return the exit code.

    Raises:
        CannotStart: The service can't be started.
        Unusable: The registration can't be used.
    """
    signals, children = Signals(), Children()
    try:
        registration = _registration(plan, children)
    except ValueError as error:
        raise Unusable(str(error)) from None
    listed = _tools(plan, children)
    if listed is not None:
        signals.add_receiver(listed.received)
    if not plan.service:
        await _until(signals.end.wait(), registration, listed)
        return 0
    service = Service(children.start(plan.service), plan.stop_timeout)
    signals.add_receiver(service.pass_on)
    try:
        await _until(_ended(service, signals.end), registration, listed)
    finally:
        code = await service.finish()
    logger.info("the service has ended", extra={"code": code})
    return code


def _registration(plan: Plan, children: Children) -> Registration:
    return Registration(
        plan.gateway,
        plan.dialect,
        plan.document,
        key=plan.key,
        key_file=plan.key_file,
        verify=plan.ca_file,
        interval=plan.interval,
        check=_check(plan, children),
    )


def _check(plan: Plan, children: Children) -> Check | None:
    if plan.health_url is not None:
        return health.of_url(plan.health_url, plan.ca_file)
    return health.of_command(children, plan.health_command) if plan.health_command else None


def _tools(plan: Plan, children: Children) -> ToolList | None:
    if plan.tools_file is not None:
        return ToolList(tools.of_file(plan.tools_file))
    if plan.tools_command:
        return ToolList(tools.of_command(children, plan.tools_command))
    return ToolList(tools.of_mcp(children, plan.mcp)) if plan.mcp is not None else None


async def _until(end: Coroutine[Any, Any, object], registration: Registration, listed: ToolList | None) -> None:
    """Keep the service registered until `end` returns; then deregister it."""
    waiting = asyncio.create_task(end)
    registered = asyncio.create_task(_registered(registration, listed))
    try:
        await asyncio.wait([waiting, registered], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        registered.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await registered


async def _ended(service: Service, end: asyncio.Event) -> None:
    """Return when the service has ended, or has to."""
    signalled = asyncio.create_task(end.wait())
    either: list[asyncio.Future[Any]] = [service.ended, signalled]
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()


async def _registered(registration: Registration, listed: ToolList | None) -> None:
    """Keep the service registered with its tools until the task is cancelled."""
    first = None if listed is None else await listed.changed()
    if first is not None:
        registration.advertise(first)
    async with registration:
        if listed is not None:
            await listed.follow(registration.advertise)
        await asyncio.Event().wait()
