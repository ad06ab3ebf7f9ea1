"""Keeps one service registered: registers, heartbeats, registers again, posts tools, deregisters."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from registry_gateway.client.registration.answers import Answer, NotAccepted
from registry_gateway.client.registration.dialect import ClientDialect, Document, Request, Tools
from registry_gateway.client.registration.gateway import Gateway
from registry_gateway.client.registration.schedule import SHORTEST, Schedule

logger = logging.getLogger("registry_gateway.registration")

Check = Callable[[], Awaitable[str | None]]
"""Returns why the service is not well; None if it is."""

DEREGISTERING = 5.0
"""Seconds that a deregistration may take."""


LOST = "the registration was removed or replaced, perhaps by another process with the same id; registering again"

REPLACED = "there was a registration with this id: of an earlier process of the service, or of another one that runs"


class Keeper:
    """Keeps a service registered at a gateway."""

    def __init__(
        self,
        gateway: Gateway,
        dialect: ClientDialect,
        document: Document,
        schedule: Schedule,
        check: Check | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep `document` registered while `check` finds the service well. `clock` returns seconds that only grow."""
        self.registered = False
        self._gateway = gateway
        self._dialect = dialect
        self._document = document
        self._schedule = schedule
        self._check = check
        self._clock = clock
        self._tools: Tools = ()
        self._tools_posted = False
        self._perhaps_registered = False
        self._renewed = False
        self._trouble: str | None = None
        self._soon = asyncio.Event()

    def advertise(self, tools: Tools) -> None:
        """Post these tools soon, and again after each registration."""
        self._tools = tools
        self._tools_posted = False
        self._soon.set()

    async def run(self) -> NoReturn:
        """Keep it registered until the task is cancelled."""
        while True:
            began = self._clock()
            self._soon.clear()
            delay = await self._attempt()
            await self._pause(began + delay - self._clock())

    async def end(self) -> None:
        """Deregister it, unless it is not registered."""
        if not self._perhaps_registered:
            return
        self.registered = self._perhaps_registered = False
        try:
            answer = await self._gateway.send(self._dialect.deregister(self._document), DEREGISTERING)
            if answer.status == 404:  # it was not registered, or is not any more
                return
            answer.check("cannot deregister")
        except NotAccepted as failure:
            logger.warning("not deregistered, so its lease will expire: %s", failure, extra=self._fields())
        else:
            logger.info("deregistered", extra=self._fields())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, SHORTEST)):
                await self._soon.wait()
        except TimeoutError:
            return

    async def _attempt(self) -> float:
        """Do what is due, and return the seconds from its beginning until the next attempt."""
        try:
            reason = await self._why_unwell()
            if reason is not None and not self._may_report_unwell():
                without = "no heartbeat" if self.registered else "not registered yet"
                self._log_trouble(f"{without}, because the service is not well: {reason}")
                return self._schedule.not_well()
            return await self._report(reason)
        except NotAccepted as failure:
            self._log_trouble(str(failure))
            delay = self._schedule.refused if failure.refused else self._schedule.not_reached
            return delay(failure.retry_after)
        except Exception:  # whatever it is, the service stays registered if that is possible
            logger.exception("a defect in the client")
            return self._schedule.refused()

    async def _why_unwell(self) -> str | None:
        if self._check is None:
            return None
        try:
            async with asyncio.timeout(self._schedule.interval):
                return await self._check()
        except Exception as error:
            return f"its check fails: {str(error) or type(error).__name__}"

    def _may_report_unwell(self) -> bool:
        return self.registered and self._dialect.heartbeat(self._document, False) is not None

    async def _report(self, reason: str | None) -> float:
        """Register or send a heartbeat, and post the tools if they are due."""
        before = self.registered
        if before:
            await self._heartbeat(reason is None)
        if not self.registered:
            await self._register()
        await self._post_tools()
        if reason is None:
            self._log_recovery()
        else:
            self._log_trouble(f"the service is not well: {reason}")
        return self._schedule.renewed() if before else self._schedule.registered()

    async def _register(self) -> None:
        before, self._perhaps_registered = self._perhaps_registered, True
        try:
            answer = await self._send_registration()
        except NotAccepted as failure:
            self._perhaps_registered = before or not (failure.refused or failure.not_sent)
            raise
        self._schedule.granted(self._dialect.lease_of(answer.body))
        self.registered = True
        self._tools_posted = False
        if not before and self._dialect.replaced(answer.body):
            logger.info(REPLACED, extra=self._fields())
        logger.info("registered", extra=self._fields() | {"interval": f"{self._schedule.interval:g}"})

    async def _send_registration(self) -> Answer:
        """Send the registration, or what to send instead, and return the answer to it."""
        request: Request | None = self._dialect.register(self._document)
        while request is not None:
            answer = await self._send(request)
            request = request.on_conflict if answer.status == 409 else None
        answer.check("cannot register")
        return answer

    async def _heartbeat(self, well: bool) -> None:
        """Send a heartbeat. Afterwards it is not registered if the gateway does not know it any more."""
        request = self._dialect.heartbeat(self._document, well)
        if request is None:
            return
        answer = await self._send(request)
        if answer.status == 404 or (answer.ok and self._dialect.asks_again(answer.body)):
            if answer.status == 404 or self._renewed:  # some registries of runspec ask after each heartbeat
                logger.warning(LOST, extra=self._fields())
            self.registered = self._renewed = False
        else:
            answer.check("no heartbeat")
            self._renewed = True
        self._schedule.granted(self._dialect.lease_of(answer.body))

    async def _post_tools(self) -> None:
        if self._tools_posted or self._dialect.tools is None:
            return
        tools = self._tools
        answer = await self._send(self._dialect.tools(self._document, tools))
        if answer.status == 404:
            self.registered = False
        answer.check("cannot post the tools")
        self._tools_posted = tools is self._tools
        logger.info("tools posted", extra=self._fields() | {"tools": len(tools)})

    async def _send(self, request: Request) -> Answer:
        return await self._gateway.send(request, self._schedule.interval)

    def _log_trouble(self, trouble: str) -> None:
        """Log what is wrong, once until it changes."""
        if trouble != self._trouble:
            logger.warning("%s", trouble, extra=self._fields())
        self._trouble = trouble

    def _log_recovery(self) -> None:
        if self._trouble is not None:
            logger.info("all is well again", extra=self._fields())
        self._trouble = None

    def _fields(self) -> dict[str, str]:
        key = self._dialect.key(self._document)
        return {"dialect": self._dialect.name, "key": key, "gateway": self._gateway.name}
