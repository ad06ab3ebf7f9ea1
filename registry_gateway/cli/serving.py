"""The processes of `registry-gateway serve`: one, several workers, or one that restarts when files change."""

import os
import signal
import socket

import click
import uvicorn
from uvicorn.supervisors import ChangeReload, Multiprocess

from registry_gateway.auth import sighup

STARTUP_FAILURE = 3  # uvicorn's own exit code for an application that could not start


class Workers(Multiprocess):
    """uvicorn's supervisor, which passes SIGHUP to the workers. They reload their files and are not replaced.

    Workers hold it back until they can do that.
    """

    def init_processes(self) -> None:
        """Start the workers."""
        with sighup.held_back():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have died."""
        with sighup.held_back():
            super().keep_subprocess_alive()

    def handle_ttin(self) -> None:
        """Start another worker."""
        with sighup.held_back():
            super().handle_ttin()

    def handle_hup(self) -> None:
        """Pass the signal to the workers."""
        for worker in self.processes:
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGHUP)


def run(config: uvicorn.Config, listener: socket.socket) -> None:
    """Serve until the process is told to stop.

    Raises:
        click.ClickException: The application could not start.
    """
    server = uvicorn.Server(config)
    if config.should_reload:
        ChangeReload(config, target=server.run, sockets=[listener]).run()
        return
    if config.workers > 1:
        parent = Workers(config, sockets=[listener])
        parent.run()
        failed = STARTUP_FAILURE in [process.exitcode for process in parent.processes]
    else:
        failed = not _run_here(server, listener)
    if failed:
        raise click.ClickException("the gateway could not start; the log says why")


def _run_here(server: uvicorn.Server, listener: socket.socket) -> bool:
    """Serve in this process; return whether the application started."""

    def stop(_signal: int, _frame: object) -> None:
        # uvicorn has handlers of its own while it runs, and raises the signal again when it has stopped: a process
        # that has ended as requested would then be killed by the signal. Before uvicorn's are there, this one counts.
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        server.run(sockets=[listener])
    except SystemExit:
        return False  # the application did not start; the log has the reason
    return True
