"""`registry-gateway serve`: from settings to a listening server."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import click
import uvicorn
from sqlalchemy import inspect
from uvicorn.supervisors import ChangeReload, Multiprocess

from registry_gateway import adapter, figures, hangup, log, migrate, settings
from registry_gateway.adapter import Adapter
from registry_gateway.app import create_app
from registry_gateway.cli.program import NAME
from registry_gateway.cli.session import NewerDatabase, WrongLevel, require_level, require_rights, upgrade_command
from registry_gateway.cli.text import say, setting
from registry_gateway.connection import Connection
from registry_gateway.deadlines import FINISH_WITHIN
from registry_gateway.doctor.addresses import is_loopback
from registry_gateway.settings import AROUND, PREFIX, Configuration, Settings, SettingsError, Variable
from registry_gateway.store.engine import Store

WORKER_START_SECONDS = 30
"""How long a worker may say nothing before it is replaced. One that starts on a busy machine takes more than 5 seconds,
uvicorn's own limit, and would be replaced again and again.
"""

BACKLOG = 2048
"""Connections the system holds for us while we are busy, or not up yet."""

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, to name a host one can connect to
STARTUP_FAILURE = 3  # uvicorn's own exit code for an application that could not start


class Serve(click.Command):
    """A command whose options are the settings: the gateway's, and those of the adapters that are installed."""

    @cached_property
    def _of_settings(self) -> list[click.Parameter]:
        return [_option(v) for v in settings.variables(adapter.installed()) if v.flag is not None]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the settings, then those of the command itself."""
        return [*self._of_settings, *super().get_params(ctx)]


@click.command(
    cls=Serve,
    epilog="""\b
Examples:
  registry-gateway serve
  registry-gateway serve --port 9000 --database-url sqlite:////var/lib/registry/registry.db
  registry-gateway serve --database-url postgresql://registry@db/registry --migrate --workers 2
  registry-gateway serve --ssl-certfile cert.pem --ssl-keyfile key.pem

An option wins over the environment, and the environment over the default. Settings without an option
(registry-gateway config lists all) are set in the environment. Prefer it for keys and passwords as well: options
can be read in the list of processes.
""",
)
@click.option("--migrate", "migrating", is_flag=True, help="Bring the database up to date before serving.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Server processes.")
@click.option("--reload", "reloading", is_flag=True, help="Restart when Python files here change; for development.")
@click.option("--ssl-keyfile", metavar="FILE", help="Private key, in PEM; serves HTTPS.")
@click.option("--ssl-certfile", metavar="FILE", help="Certificate chain, in PEM; serves HTTPS.")
def serve(
    migrating: bool,
    workers: int,
    reloading: bool,
    ssl_keyfile: str | None,
    ssl_certfile: str | None,
    **given: str | float | bool | None,
) -> None:
    """Run the gateway.

    An empty or missing SQLite file is made ready by itself; any other database must be up to date, or --migrate be
    given. Prints where each dialect is and how to register a service, then logs to standard error. Ctrl-C or SIGTERM
    finishes the requests in flight and stops; SIGHUP has files with keys read again.
    """
    if reloading and workers > 1:
        raise click.UsageError("--reload works with one worker")
    _check_tls(ssl_keyfile, ssl_certfile)
    adapters = adapter.installed()
    configuration = _configure(adapters, given)
    create_app(configuration, adapters)  # finds the settings that only make no sense together, before anything is done
    own = configuration.gateway
    database_url = given[f"{PREFIX}DATABASE_URL"]
    with _listen(own.host, own.port) as listener, _shared_figures(workers):
        asyncio.run(_prepare_database(own, migrating, upgrade_command(database_url)))
        scheme = "http" if ssl_certfile is None else "https"
        port: int = listener.getsockname()[1]
        _warn_of_open_dialects(configuration, adapters)
        _warn_of_settings(configuration, adapters)
        _welcome(configuration, adapters, f"{scheme}://{_reachable(own.host)}:{port}")
        # The application is built from the environment: here, in each worker, and again at each reload.
        os.environ.update({env: setting(value) for env, value in given.items() if value is not None})
        server = uvicorn.Config(
            "registry_gateway.app:from_environment",
            factory=True,
            host=own.host,
            port=port,
            workers=workers,
            reload=reloading,
            ssl_keyfile=ssl_keyfile,
            ssl_certfile=ssl_certfile,
            log_config=log.configuration(own.log_format),
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,  # the application looks at them: see `forwarded`
            http=Connection,
            timeout_worker_healthcheck=WORKER_START_SECONDS,
            timeout_graceful_shutdown=FINISH_WITHIN,
            lifespan="on",
            ws="none",
            backlog=BACKLOG,
        )
        _run(server, listener)


# --- options and settings


class _Choice(click.Choice[str]):
    """One of several words, with white space around it as other settings may have."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        return super().convert(value.strip(AROUND) if isinstance(value, str) else value, param, ctx)


def _option(variable: Variable) -> click.Option:
    notes = [variable.env]
    if variable.secret:
        notes.append("a secret: better set there")
    elif setting(variable.default):
        notes.append(f"default: {setting(variable.default)}")
    kinds = get_args(variable.kind) if get_origin(variable.kind) is UnionType else (variable.kind,)
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    name = variable.flag or ""
    kind: Any = _Choice([str(choice) for choice in choices]) if choices else str
    metavar = None if choices else variable.field.rpartition("_")[2].upper()
    for number in (bool, int, float):
        if number in kinds:
            kind, metavar = number, None if number is bool else "N"
    return click.Option(
        [f"{name}/--no-{name[2:]}" if kind is bool else name, variable.env],
        type=kind,
        metavar=metavar,
        default=None,
        help=f"{variable.help}  [{'; '.join(notes)}]",
    )


def _configure(adapters: tuple[Adapter, ...], given: dict[str, Any]) -> Configuration:
    """Load the settings; what is wrong with an option is said of the option."""
    try:
        return settings.load(adapters, os.environ, given)
    except SettingsError as error:
        message = str(error)
        for variable in settings.variables(adapters):
            if given.get(variable.env) is not None and message.startswith(variable.env):
                raise SettingsError(f"{variable.flag}{message.removeprefix(variable.env)}") from None
        raise


def _check_tls(keyfile: str | None, certfile: str | None) -> None:
    if certfile is None:
        if keyfile is not None:
            raise click.UsageError("--ssl-keyfile needs --ssl-certfile")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certfile, keyfile)
    except OSError as error:  # SSLError is one
        missing = [f for f in (certfile, keyfile) if f is not None and not Path(f).is_file()]
        reason = f"there is no file {missing[0]}" if missing else f"no usable certificate and key: {error}"
        raise click.ClickException(f"--ssl-certfile, --ssl-keyfile: {reason}") from None


# --- before serving


def _listen(host: str, port: int) -> socket.socket:
    """Take the port now, so that a port in use stops the start before anything is changed."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6()
        )
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while ")[0]  # create_server() adds what we say better
        raise click.ClickException(
            f"can't listen on {host} port {port}: {reason}; choose another with --host and --port"
        ) from None


async def _prepare_database(own: Settings, migrating: bool, remedy: str) -> None:
    store = Store(own.database_url, synchronous=own.sqlite_synchronous)
    flaw = None if store.file is None else store.file.flaw()
    if store.file is not None and flaw is not None:
        raise click.ClickException(f"the database {store.file.path} can't be used: {flaw}")
    try:
        if not (migrating or (store.sqlite and await store.read(_is_empty))):
            await require_level(store, f"{remedy}, or serve with --migrate")
        else:
            await _migrate(store, remedy)
        await require_rights(store)
    finally:
        await store.close()


async def _migrate(store: Store, remedy: str) -> None:
    try:
        await require_level(store, remedy)
    except NewerDatabase:
        raise
    except WrongLevel:
        await migrate.upgrade(store)
        say(f"Migrated the database to {migrate.head()}.")
        say()


@contextlib.contextmanager
def _shared_figures(workers: int) -> Iterator[None]:
    """Give several workers a directory for what /metrics answers with, so that each can answer for all."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix=f"{NAME}-") as directory:
        os.environ[figures.DIRECTORY] = directory
        yield


def _is_empty(connection: Any) -> bool:
    return not inspect(connection).get_table_names()


def _reachable(host: str) -> str:
    """Return a host name that works in a curl line on this machine."""
    if host in (*EVERYWHERE, "127.0.0.1", "::1"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _warn_of_open_dialects(configuration: Configuration, adapters: tuple[Adapter, ...]) -> None:
    own = configuration.gateway
    if is_loopback(own.host):
        return
    for name, closing in adapter.open_to_writes(adapter.chosen(adapters, own), configuration).items():
        say(
            f"{NAME}: warning: anybody who reaches {own.host} may register and remove {name} services; set {closing}",
            err=True,
        )


def _warn_of_settings(configuration: Configuration, adapters: tuple[Adapter, ...]) -> None:
    for dialect in adapter.chosen(adapters, configuration.gateway):
        for warning in dialect.warnings(configuration.gateway, configuration.adapters[dialect.name]):
            say(f"{NAME}: warning: {warning}", err=True)


def _welcome(configuration: Configuration, adapters: tuple[Adapter, ...], bound: str) -> None:
    own = configuration.gateway
    url = own.public_url.rstrip("/") if own.public_url is not None else bound + own.root_path
    say(f"registry-gateway listens on {bound}")
    say()
    for dialect in adapter.chosen(adapters, own):
        for line in dialect.welcome(url, configuration.adapters[dialect.name]):
            say(line)
    say()
    say(f"Page         {url}/")
    say(f"Health       {url}/health, {url}/health/ready")
    say("Stop         Ctrl-C")
    say()


# --- serving


class Workers(Multiprocess):
    """uvicorn's supervisor, with another SIGHUP: the workers get it and read their files again. None is replaced.

    Workers hold it back until they can do that.
    """

    def init_processes(self) -> None:
        """Start the workers."""
        with hangup.held_back():
            super().init_processes()

    def keep_subprocess_alive(self) -> None:
        """Start another one for each that has died."""
        with hangup.held_back():
            super().keep_subprocess_alive()

    def handle_ttin(self) -> None:
        """Start one more."""
        with hangup.held_back():
            super().handle_ttin()

    def handle_hup(self) -> None:
        """Pass it on."""
        for worker in self.processes:
            if worker.pid is not None:
                os.kill(worker.pid, signal.SIGHUP)


def _run(config: uvicorn.Config, listener: socket.socket) -> None:
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
    """Serve in this process; tell whether it started."""

    def stop(_signal: int, _frame: object) -> None:
        # uvicorn has handlers of its own while it runs, and raises the signal again when it has stopped: a process
        # that was asked to end and did would then die of the signal. Before uvicorn's are there, this one counts.
        server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        server.run(sockets=[listener])
    except SystemExit:
        return False  # the application did not start, and the log has it
    return True
