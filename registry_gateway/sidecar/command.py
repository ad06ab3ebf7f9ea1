"""`registry-gateway sidecar`."""

import asyncio
import importlib.util
import logging.config
import os
import socket
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from registry_gateway.client import seconds
from registry_gateway.client.registration import dialect as dialects
from registry_gateway.client.registration.dialect import ClientDialect, Document, Usual
from registry_gateway.client.registration.schedule import SHORTEST
from registry_gateway.client.secret import sendable
from registry_gateway.client.server import checked
from registry_gateway.core import web_url
from registry_gateway.observability import log
from registry_gateway.observability.printable import printable
from registry_gateway.sidecar import document, programs
from registry_gateway.sidecar.children import CannotStart
from registry_gateway.sidecar.sidecar import Plan, Unusable, run

Callback = Callable[[click.Context, click.Parameter, Any], Any]


def _by(convert: Callable[[Any], Any]) -> Callback:
    """Return a callback that converts the value of an option, if it is given."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        try:
            return value if value is None else convert(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


def _seconds(least: float) -> Callback:
    return _by(partial(seconds.checked, name="it", least=least))


def _web_url(url: str) -> str:
    web_url.parsed(url)
    return url


def _complete_dialect(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in dialects.names() if name.startswith(begun)]


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(context_settings={"allow_interspersed_args": False})
@click.option(
    "--to",
    metavar="URL",
    required=True,
    envvar="REGISTRY_GATEWAY_URL",
    show_envvar=True,
    callback=_by(checked),
    help="The gateway.",
)
@click.option(
    "--dialect",
    metavar="NAME",
    required=True,
    callback=_by(dialects.named),
    shell_complete=_complete_dialect,
    help="What the service is registered as: chap, scaicontrol or runspec.",
)
@click.option("--document", "file", type=FILE, help="Body of the registration: JSON, TOML or YAML, by its name's end.")
@click.option("--id", help="CHAP's id, ScaiControl's slug or runspec's instance id, in place of the document's.")
@click.option("--name", help="The name of the service.")
@click.option("--url", help="The URL of the service (chap, scaicontrol).")
@click.option("--host", help="The host of the service (runspec).  [default: the name of this machine]")
@click.option("--version", help="The version of the service.")
@click.option("--key-file", type=click.Path(path_type=Path), help="File with the key or token; read for each request.")
@click.option("--ca-file", type=FILE, help="Certificates of the authorities to trust.  [SSL_CERT_FILE]")
@click.option(
    "--interval",
    type=float,
    metavar="SECONDS",
    callback=_seconds(SHORTEST),
    help="Time between two heartbeats.  [default: a third of the lease; for runspec 30]",
)
@click.option("--health", metavar="URL", callback=_by(_web_url), help="The service is well if this answers below 400.")
@click.option("--health-command", metavar="CMD", callback=_by(programs.words), help="It is well if CMD ends with 0.")
@click.option("--tools", type=FILE, help="File with the tools of a runspec instance, in MCP's schema.")
@click.option("--tools-command", metavar="CMD", callback=_by(programs.words), help="Program that prints them.")
@click.option("--mcp", metavar="CMD|URL", help="MCP server that has them.")
@click.option(
    "--stop-timeout",
    type=float,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    callback=_seconds(0.0),
    help="How long COMMAND has to end before it is killed.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def sidecar(
    to: str,
    dialect: ClientDialect,
    file: Path | None,
    key_file: Path | None,
    ca_file: Path | None,
    interval: float | None,
    health: str | None,
    health_command: Sequence[str] | None,
    tools: Path | None,
    tools_command: Sequence[str] | None,
    mcp: str | None,
    stop_timeout: float,
    command: Sequence[str],
    **usual: str | None,
) -> int:
    """Keep a service registered that has no client for a registry.

    It heartbeats while the service is well, registers again when it has to, and deregisters at its end. With COMMAND it
    runs the service as its child, passes signals on, and ends with it and its exit code.

    \b
      registry-gateway sidecar --to http://gateway:8765 --dialect chap \\
        --id my-model --name 'My model' --url http://my-model:8000 \\
        --health http://localhost:8000/health -- python -m my_model

    Keys and tokens are in SERVICEKIT_REGISTRATION_KEY (chap), REGISTRY_TOKEN (scaicontrol) and
    REGISTRY_GATEWAY_RUNSPEC_API_KEY (runspec), or in --key-file.
    """
    _one_of({"--health": health, "--health-command": health_command})
    _one_of({"--tools": tools, "--tools-command": tools_command, "--mcp": mcp})
    if dialect.tools is None and (tools or tools_command or mcp):
        raise click.UsageError(f"{dialect.name} has no tools apart from the document")
    if mcp and importlib.util.find_spec("mcp") is None:
        raise click.UsageError("--mcp needs the SDK of MCP: pip install 'registry-gateway[mcp]'")
    plan = Plan(
        gateway=to,
        dialect=dialect.name,
        document=_document(dialect, file, usual),
        key=_secret(dialect.secret_variable) if key_file is None else None,
        key_file=key_file,
        interval=interval,
        ca_file=None if ca_file is None else str(ca_file),
        health_url=health,
        health_command=health_command or (),
        tools_file=tools,
        tools_command=tools_command or (),
        mcp=mcp,
        service=command,
        stop_timeout=stop_timeout,
    )
    return _run(plan)


def _secret(variable: str) -> str | None:
    """Return the key or token in an environment variable."""
    given = os.environ.get(variable)
    try:
        return None if given is None else sendable(given, variable)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _one_of(given: dict[str, object]) -> None:
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) > 1:
        raise click.UsageError(f"give only one of {' and '.join(chosen)}")


def _document(dialect: ClientDialect, file: Path | None, options: dict[str, str | None]) -> Document:
    """Return the document of a registration; an instance of runspec is named after its host if it has no id."""
    try:
        given = {} if file is None else document.read(file)
        usual = cast("Usual", {name: value for name, value in options.items() if value is not None})
        if "host" in dialect.members:
            host = usual.get("host") or dialect.value(given, "host") or socket.gethostname()
            usual["host"] = str(host)
            name = usual.get("name") or dialect.value(given, "name")
            if name and not dialect.value(given, "id"):
                usual.setdefault("id", f"{name}.{host}")
        return dialect.completed(given, usual)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from None


def _run(plan: Plan) -> int:
    logging.config.dictConfig(log.configuration("text"))
    try:
        return asyncio.run(run(plan))
    except Unusable as error:
        raise click.UsageError(str(error)) from None
    except CannotStart as error:
        click.echo(printable(f"registry-gateway: error: {error}"), err=True)
        return error.code
