"""A child process with its output in a file: what the gateway and every client here run as."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""All a child inherits: no proxy (it would take loopback away), no key and no setting of the machine's."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: the little it needs of ours, then what the test gives it."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", **(extra or {})}


class Child:
    """A started process: its log, and the two ways it can end.

    Its standard input is a pipe that stays open, since an MCP server on stdio ends with its input. It leads a
    process group of its own, so that closing it takes along whatever it started.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        directory: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=directory,
                env=clean_environment(environment),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self) -> str:
        """Everything it (and a predecessor with the same log file) wrote so far, both streams in one."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[str]:
        """The complete lines of the log: one that is being written is not there yet."""
        *complete, _ = self.log().split("\n")
        return complete

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.poll()

    def stop(self) -> None:
        """Halt it by SIGSTOP, as a suspended machine would."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again after `stop`."""
        self._process.send_signal(signal.SIGCONT)

    def terminate_soon(self) -> None:
        """Send SIGTERM and do not wait for its end."""
        self._process.terminate()

    def terminate(self, timeout: float = 20.0) -> int:
        """Ask it to end by SIGTERM, wait until it has, and return its exit code."""
        self._process.terminate()
        return self.wait(timeout)

    def wait(self, timeout: float = 20.0) -> int:
        """Wait for its end, asked for or not, and return its exit code."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout:g} s; its log:\n{self.log()}") from None

    def kill(self) -> None:
        """End it by SIGKILL, as a power cut would: no handler, no goodbye."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Leave nothing behind, whatever the test did: no process, no zombie, no open pipe."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
