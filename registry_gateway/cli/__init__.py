"""The command line: `registry-gateway`, one module per noun."""

import click

from registry_gateway import __version__
from registry_gateway.cli.accounts import accounts
from registry_gateway.cli.config import config
from registry_gateway.cli.db import db
from registry_gateway.cli.doctor import doctor
from registry_gateway.cli.events import events
from registry_gateway.cli.export import export
from registry_gateway.cli.imports import import_
from registry_gateway.cli.program import NAME, Program
from registry_gateway.cli.serve import serve
from registry_gateway.cli.services import services
from registry_gateway.cli.subscriptions import subscriptions
from registry_gateway.cli.webhooks import webhooks


@click.group(
    cls=Program,
    commands=[serve, db, accounts, services, subscriptions, webhooks, events, doctor, import_, export, config],
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
