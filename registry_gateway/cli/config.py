"""`registry-gateway config`: the settings in effect."""

import os

import click

from registry_gateway import settings
from registry_gateway.cli.output import print_json, print_table, setting
from registry_gateway.cli.parameters import database_url_option
from registry_gateway.cli.session import configured


@click.command(
    epilog="""\b
Examples:
  registry-gateway config
  REGISTRY_GATEWAY_PORT=9000 registry-gateway config --json
""",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@database_url_option
def config(as_json: bool, database_url: str | None) -> None:
    """Print the settings in effect, with where each comes from. Secrets, and passwords in URLs, are masked.

    Shows what `serve` would see from this environment. An invalid setting is an error, as with `serve`.
    """
    configuration, adapters = configured(database_url)
    environ = settings.without_links(os.environ)
    rows = []
    for variable, value in settings.effective(configuration, adapters):
        if variable.env == f"{settings.PREFIX}DATABASE_URL" and database_url is not None:
            source = "option"
        else:
            source = "environment" if variable.env in environ else "default"
        rows.append((variable, value, source))
    if as_json:
        print_json({variable.env: {"value": value, "source": source} for variable, value, source in rows})
        return
    print_table(
        ("SETTING", "FROM", "VALUE"),
        [(variable.env, source, setting(value) or "(not set)") for variable, value, source in rows],
    )
