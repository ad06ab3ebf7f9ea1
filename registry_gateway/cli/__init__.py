"""The command line: `registry-gateway`, one module per noun."""

import click

from registry_gateway import __version__
from registry_gateway.cli.program import NAME, LazyCommands, Program

COMMANDS = LazyCommands(
    {
        "serve": "registry_gateway.cli.serve:serve",
        "db": "registry_gateway.cli.db:db",
        "accounts": "registry_gateway.cli.accounts:accounts",
        "services": "registry_gateway.cli.services.services:services",
        "subscriptions": "registry_gateway.cli.subscriptions:subscriptions",
        "webhooks": "registry_gateway.cli.webhooks:webhooks",
        "events": "registry_gateway.cli.events:events",
        "doctor": "registry_gateway.cli.doctor:doctor",
        "import": "registry_gateway.cli.imports:import_",
        "export": "registry_gateway.cli.export:export",
        "config": "registry_gateway.cli.config:config",
        "sidecar": "registry_gateway.sidecar.command:sidecar",
    }
)


@click.group(
    cls=Program,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name=NAME)
def main() -> None:
    """One durable service registry that speaks CHAP, ScaiControl and runspec.

    \b
    Start here:
      registry-gateway serve             run the gateway; it prints how to register a service
      registry-gateway services list     what is registered, and whether it is alive
      registry-gateway events --follow   what happens, as it happens
      registry-gateway doctor            what is probably wrong, and what to do
      registry-gateway config            the settings in effect

    Every setting has an environment name (registry-gateway config lists them). The commands use the database of
    REGISTRY_GATEWAY_DATABASE_URL, else ./registry.db; give them the one the gateway runs on.
    """
