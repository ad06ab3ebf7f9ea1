"""A registration of a service for as long as a block runs."""

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Self, Unpack

from registry_gateway.client import seconds
from registry_gateway.client.registration import dialect as dialects
from registry_gateway.client.registration.credential import Credential
from registry_gateway.client.registration.dialect import Document, Tools, Usual
from registry_gateway.client.registration.gateway import LONGEST_REQUEST, Gateway
from registry_gateway.client.registration.keeper import DEREGISTERING, Check, Keeper
from registry_gateway.client.registration.schedule import SHORTEST, Schedule
from registry_gateway.client.tls import Verify

USED = "a registration is used once: make another"


class Registration:
    """Keeps a service registered while a `with` or `async with` block runs, and deregisters it at its end.

    The block begins at once, also while the gateway is unreachable: registering and heartbeats happen beside it, in a
    task, or in a thread for `with`. Problems are in the log `registry_gateway.registration`. A registration is used
    once.
    """

    def __init__(
        self,
        gateway: str,
        dialect: str,
        document: Document | None = None,
        *,
        key: str | None = None,
        key_file: str | Path | None = None,
        verify: Verify = None,
        interval: float | None = None,
        tools: Tools | None = None,
        check: Check | None = None,
        **usual: Unpack[Usual],
    ) -> None:
        """Describe the registration. Nothing is sent.

        Args:
            gateway: The gateway's URL, such as http://gateway:8765.
            dialect: `chap`, `scaicontrol` or `runspec`, or another that is installed.
            document: The body of the registration, in the words of the dialect.
            key: The shared key or the token, if the gateway needs one.
            key_file: A file with it instead, which is read for each request.
            verify: Which certificates are trusted.
            interval: Seconds between two heartbeats. None: a third of the lease, which the gateway states; runspec's
                answers state none, and there it is 30.
            tools: The tools of a runspec instance, in MCP's schema.
            check: Returns why the service is not well, or None if it is; called before each heartbeat. Without a
                reason it is registered; with one, no heartbeat is sent (ScaiControl: `unhealthy`).
            usual: `id`, `name`, `url`, `host` and `version`, in place of those of `document`.

        Raises:
            ValueError: An argument can't be used. The message is one line.
        """
        spoken = dialects.named(dialect)
        if tools is not None and spoken.tools is None:
            raise ValueError(f"{dialect} has no tools apart from the document")
        if interval is not None:
            seconds.checked(interval, "the interval", least=SHORTEST)
        self._gateway = Gateway(gateway, spoken, Credential(key, key_file), verify)
        whole = spoken.completed(document or {}, usual)
        self._keeper = Keeper(self._gateway, spoken, whole, Schedule(spoken.lease, interval), check)
        self._keeper.advertise(tools or ())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None

    @property
    def registered(self) -> bool:
        """Whether the gateway has confirmed the registration, and no later answer has denied it."""
        return self._keeper.registered

    def advertise(self, tools: Tools) -> None:
        """Post other tools. It may be called from any thread. Nothing happens after the end of the block."""
        if self._loop is None:
            self._keeper.advertise(tools)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._keeper.advertise, tools)

    async def __aenter__(self) -> Self:
        """Begin to register.

        Raises:
            RuntimeError: It was used before.
        """
        if self._loop is not None:
            raise RuntimeError(USED)
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._keeper.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Deregister, for at most five seconds."""
        assert self._task is not None, "it was not entered"  # noqa: S101 - a defect of the caller
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._keeper.end()
        await self._gateway.close()

    def __enter__(self) -> Self:
        """Begin to register, in a thread.

        Raises:
            RuntimeError: It was used before, or no thread can be started.
            OSError: No event loop can be started, because too many files are open.
        """
        if self._loop is not None:
            raise RuntimeError(USED)
        begun = Future[None]()
        # An interpreter that ends without leaving the block does not wait for a daemon.
        self._thread = threading.Thread(target=self._run, args=[begun], name="registration", daemon=True)
        self._thread.start()
        begun.result(LONGEST_REQUEST)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Deregister, for at most five seconds."""
        assert self._loop is not None, "it was not entered"  # noqa: S101 - a defect of the caller
        assert self._thread is not None, "it was not entered"  # noqa: S101 - a defect of the caller
        self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join(DEREGISTERING + LONGEST_REQUEST)

    def _run(self, begun: "Future[None]") -> None:
        try:
            asyncio.run(self._until_left(begun))
        except Exception as error:
            if begun.done():
                raise
            begun.set_exception(error)

    async def _until_left(self, begun: "Future[None]") -> None:
        self._left = asyncio.Event()
        async with self:
            begun.set_result(None)
            await self._left.wait()
