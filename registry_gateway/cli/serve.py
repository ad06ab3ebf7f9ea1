"""`registry-gateway serve`: from settings to a listening server."""

import asyncio
import contextlib
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import uvicorn

from registry_gateway import adapter
from registry_gateway.adapter import AnyAdapter
from registry_gateway.app import COMMAND, create_app
from registry_gateway.cli.database_level import (
    NewerDatabase,
    WrongLevel,
    require_level,
    require_rights,
    upgrade_command,
)
from registry_gateway.cli.invocation import call, call_on
from registry_gateway.cli.output import say, setting
from registry_gateway.cli.program import NAME
from registry_gateway.cli.serving import run
from registry_gateway.cli.session import opened
from registry_gateway.cli.setting_options import OfSettings, configure
from registry_gateway.core.deadlines import FINISH_WITHIN
from registry_gateway.doctor.rules.addresses import is_loopback
from registry_gateway.http.protocol import Connection
from registry_gateway.observability import log, shared_counters
from registry_gateway.settings import PREFIX, Configuration
from registry_gateway.store import level
from registry_gateway.store.engine import Store

WORKER_START_SECONDS = 30
"""Seconds without a response after which a worker is replaced.

On a busy machine a start takes longer than uvicorn's own limit of 5 seconds.
"""

BACKLOG = 2048
"""Connections that the system queues while the gateway is busy or starting."""

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - compared with, to name a host one can connect to


@click.command(
    cls=OfSettings,
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

    An empty or missing SQLite file is set up at the start; any other database must be up to date, or --migrate be
    given. Prints where each dialect is and how to register a service, then logs to standard error. Ctrl-C or SIGTERM
    finishes the requests in flight and stops; SIGHUP reloads the files with keys.
    """
    if reloading and workers > 1:
        raise click.UsageError("--reload works with one worker")
    _check_tls(ssl_keyfile, ssl_certfile)
    adapters = adapter.installed()
    configuration = configure(adapters, given)
    create_app(configuration, adapters)  # checks combinations of settings before anything is changed
    own = configuration.gateway
    database_url = given[f"{PREFIX}DATABASE_URL"]
    with _listen(own.host, own.port) as listener, _shared_counters(workers):
        asyncio.run(_prepare_database(configuration, adapters, migrating, upgrade_command(database_url)))
        scheme = "http" if ssl_certfile is None else "https"
        port: int = listener.getsockname()[1]
        _warn_of_open_dialects(configuration, adapters)
        _warn_of_settings(configuration, adapters)
        bound = f"{scheme}://{_reachable(own.host)}:{port}"
        _welcome(configuration, adapters, bound, call_on(None if database_url is None else str(database_url)))
        os.environ[COMMAND] = call()
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
            proxy_headers=False,  # the application handles them: see `forwarded`
            http=Connection,
            timeout_worker_healthcheck=WORKER_START_SECONDS,
            timeout_graceful_shutdown=FINISH_WITHIN,
            lifespan="on",
            ws="none",
            backlog=BACKLOG,
        )
        run(server, listener)


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
    """Bind the port first, so that a port in use stops the start before anything is changed."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6()
        )
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (while ")[0]  # the message below names the address
        raise click.ClickException(
            f"can't listen on {host} port {port}: {reason}; choose another with --host and --port"
        ) from None


async def _prepare_database(
    configuration: Configuration, adapters: tuple[AnyAdapter, ...], migrating: bool, remedy: str
) -> None:
    async with opened(configuration, adapters) as (_, store):
        flaw = None if store.file is None else store.file.flaw()
        if store.file is not None and flaw is not None:
            raise click.ClickException(f"the database {store.file.path} can't be used: {flaw}")
        if migrating or (store.sqlite and await level.empty(store)):
            await _migrate(store, remedy)
        else:
            await require_level(store, f"{remedy}, or serve with --migrate")
        await require_rights(store)


async def _migrate(store: Store, remedy: str) -> None:
    try:
        await require_level(store, remedy)
    except NewerDatabase:
        raise
    except WrongLevel:
        from registry_gateway.store import migrate  # brings alembic, which most starts do without

        await migrate.upgrade(store)
        say(f"Migrated the database to {level.NEWEST}.")
        say()


@contextlib.contextmanager
def _shared_counters(workers: int) -> Iterator[None]:
    """Create the directory of counters that several workers share, so that each can answer /metrics for all."""
    if workers == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix=f"{NAME}-") as directory:
        os.environ[shared_counters.DIRECTORY] = directory
        yield


def _reachable(host: str) -> str:
    """Return a host name that works in a curl line on this machine."""
    if host in (*EVERYWHERE, "127.0.0.1", "::1"):
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _warn_of_open_dialects(configuration: Configuration, adapters: tuple[AnyAdapter, ...]) -> None:
    own = configuration.gateway
    if is_loopback(own.host):
        return
    for name, closing in adapter.open_to_writes(adapter.chosen(adapters, configuration), configuration).items():
        say(
            f"{NAME}: warning: any client can register and remove {name} services at {own.host}; set {closing}",
            err=True,
        )


def _warn_of_settings(configuration: Configuration, adapters: tuple[AnyAdapter, ...]) -> None:
    for dialect in adapter.chosen(adapters, configuration):
        for warning in dialect.warnings(configuration.gateway, configuration.adapters[dialect.name]):
            say(f"{NAME}: warning: {warning}", err=True)


def _welcome(configuration: Configuration, adapters: tuple[AnyAdapter, ...], bound: str, command: str) -> None:
    own = configuration.gateway
    url = own.public_url.rstrip("/") if own.public_url is not None else bound + own.root_path
    say(f"registry-gateway listens on {bound}")
    say()
    for lines in adapter.welcomes(adapter.chosen(adapters, configuration), configuration, url, command):
        for line in lines:
            say(line)
    say()
    say(f"Page         {url}/")
    say(f"Health       {url}/health, {url}/health/ready")
    say("Stop         Ctrl-C")
    say()
