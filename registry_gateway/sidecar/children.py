"""Processes that the sidecar starts, and, if it is process 1, those that it inherits: all are reaped here."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO, Any

logger = logging.getLogger("registry_gateway.sidecar")


class CannotStart(Exception):
    """A program can't be started. The message is one line.

    Attributes:
        code: The exit code of a shell: 127 if there is no such program, else 126.
    """

    def __init__(self, program: str, error: OSError | ValueError) -> None:
        """Say why `program` could not be started."""
        super().__init__(f"can't start {program}: {getattr(error, 'strerror', None) or error}")
        self.code = 127 if isinstance(error, FileNotFoundError) else 126


class Child:
    """A process that was started.

    Attributes:
        ended: Its exit code; negative is the signal that ended it.
        output: Its standard output, if that is a pipe.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", ended: asyncio.Future[int], *, leader: bool) -> None:
        """Take over a process. `leader` is whether it leads a process group."""
        self.ended = ended
        self.output: IO[bytes] | None = process.stdout
        self._process = process
        self._leader = leader

    def signal(self, number: int) -> None:
        """Send a signal to it, and to its process group if it leads one. Nothing happens if it has ended.

        If it runs as another user, as programs with sudo do, the log says that it can't be sent.
        """
        if self.ended.done():
            return
        try:
            (os.killpg if self._leader else os.kill)(self._process.pid, number)
        except ProcessLookupError:
            pass
        except PermissionError:
            name = signal.Signals(number).name
            logger.warning("can't send %s to process %d: it runs as another user", name, self._process.pid)

    def in_foreground(self) -> bool:
        """Return whether it is in the foreground of the terminal that is the standard input, if that is a terminal."""
        try:
            return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgid(self._process.pid)
        except (OSError, ValueError, AttributeError):  # there is no terminal, no standard input, or no process any more
            return False

    def finish(self, code: int) -> None:
        """Record its end, and kill what is left of its process group, if it leads one."""
        self._process.returncode = code  # it is reaped: subprocess must not wait for it again
        if self._leader:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing is left, or nothing of this user
                os.killpg(self._process.pid, signal.SIGKILL)
        if not self.ended.done():
            self.ended.set_result(code)


class Children:
    """Starts processes, and reaps every process that ends.

    Process 1 of a container becomes the parent of processes whose own has ended. asyncio's subprocesses are not used,
    because they wait for each child by itself, and here any child is waited for.
    """

    def __init__(self) -> None:
        """Reap from now on, in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._running: dict[int, Child] = {}
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)

    def close(self) -> None:
        """Reap no more."""
        self._loop.remove_signal_handler(signal.SIGCHLD)

    def start(self, command: Sequence[str], **options: Any) -> Child:
        """Start a program, without a shell, with these options of `subprocess.Popen`.

        Raises:
            CannotStart: It can't be started.
        """
        try:
            process = subprocess.Popen(command, **options)  # noqa: S603 - the operator's program
        except (OSError, ValueError) as error:  # ValueError: NUL in an argument
            raise CannotStart(command[0], error) from None
        child = Child(process, self._loop.create_future(), leader="process_group" in options)
        self._running[process.pid] = child
        return child

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # there are no more children
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                child = self._running.pop(ended[0], None)
                if child is not None:
                    child.finish(os.waitstatus_to_exitcode(ended[1]))
