"""The commands, run inside this process, and services for them to act on."""

import anyio
from click.testing import CliRunner, Result

from registry_gateway import adapter, settings
from registry_gateway.app import open_core
from registry_gateway.cli import main
from registry_gateway.cli.program import NAME
from registry_gateway.core.commands import Register
from registry_gateway.core.model import Actor


def command(url: str, *arguments: str, **environment: str) -> Result:
    """Run a command on the database at `url`; an exception no operator should see fails the test."""
    environ = {"REGISTRY_GATEWAY_DATABASE_URL": url, "COLUMNS": "120", **environment}
    result = CliRunner().invoke(main, arguments, env=environ)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def output(url: str, *arguments: str, **environment: str) -> str:
    """Run a command that must work; its standard output."""
    result = command(url, *arguments, **environment)
    assert result.exit_code == 0, result.output
    return result.stdout


def complaint(url: str, *arguments: str, **environment: str) -> str:
    """Run a command that must fail as commands do: with exit code 2 and one line; that line's message."""
    result = command(url, *arguments, **environment)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    line, newline, more = result.stderr.partition("\n")
    assert (newline, more) == ("\n", "")
    prefix, _, message = line.partition(": error: ")
    assert prefix == NAME
    return message


def register(
    url: str,
    dialect: str,
    key: str,
    *,
    approved: bool = True,
    ttl: float = 3600,
    version: str = "1",
    address: str = "http://192.0.2.7:8000",
) -> None:
    """Put a service into the registry at `url`, by the core and the machine's clock."""

    async def work() -> None:
        adapters = adapter.installed()
        core, _ = open_core(settings.load(adapters, {"REGISTRY_GATEWAY_DATABASE_URL": url}), adapters)
        await core.registry.register(
            Register(
                dialect=dialect,
                key=key,
                name=key.title(),
                version=version,
                ttl=ttl,
                document=b'{"hello":"world"}',
                mode="replace",
                actor=Actor("test", "192.0.2.7"),
                address=address,
                approved=approved,
            )
        )
        await core.registry.close()

    anyio.run(work)
