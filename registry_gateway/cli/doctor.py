"""`registry-gateway doctor`: probable problems and their remedies."""

import asyncio

import click
import msgspec

from registry_gateway import adapter, settings
from registry_gateway.cli.database_level import require_file, require_known, upgrade_command
from registry_gateway.cli.finding_lines import print_finding
from registry_gateway.cli.output import counted, print_json, say
from registry_gateway.cli.parameters import check_secret, check_url, database_url_option, json_option
from registry_gateway.cli.registry_access.target import choose, url_option
from registry_gateway.cli.session import configured, opened
from registry_gateway.doctor import local, remote
from registry_gateway.doctor.host_lookup import HostLookup
from registry_gateway.doctor.report import Diagnosis, Report, about_gateway
from registry_gateway.doctor.rules import installation
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.webhooks import of_webhooks
from registry_gateway.store import level


@click.command(
    epilog="""\b
Examples:
  registry-gateway doctor
  registry-gateway doctor http://gateway:8765
  registry-gateway doctor 'http://gateway:8765/v2/services/$register'     the URL of a service's settings
  registry-gateway doctor --json | jq '.findings[] | select(.severity == "error")'

Exit code 0: no findings. 1: findings. 2: the check was not possible.
""",
)
@click.argument("at", metavar="[URL]", required=False, callback=check_url)
@click.option(
    "--token",
    envvar="REGISTRY_TOKEN",
    metavar="TOKEN",
    callback=check_secret,
    help="With URL: token for a protected catalogue.  [REGISTRY_TOKEN: better set there]",
)
@json_option
@url_option
@database_url_option
@click.pass_context
def doctor(
    context: click.Context,
    at: str | None,
    token: str | None,
    as_json: bool,
    url: str | None,
    database_url: str | None,
) -> None:
    """Look for common problems, and print their remedies.

    Without a URL, the command checks the settings of this environment, the database (migration, clock, whether a
    gateway uses it), all registrations, and what the dialects write to other servers. With a URL, which --url gives as
    well, it checks a running gateway over HTTP: whether it is ready, whether scheme, path and clock are as its clients
    need them, and the findings of its catalogue. In both cases it resolves the hosts of the services on this machine.
    Nothing is changed.
    """
    if at is not None and url is not None:
        raise click.UsageError("use URL or --url, not both")
    target = choose(at or url, database_url)
    if target.url is None:
        if token is not None and context.get_parameter_source("token") is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--token is for a gateway at a URL")
        report = asyncio.run(_here(database_url))
    else:
        report = asyncio.run(remote.check(target.url, token, adapter.installed()))
    if as_json:
        print_json(_document(report))
    else:
        _print(report)
    context.exit(1 if report.diagnoses else 0)


async def _here(database_url: str | None) -> Report:
    """Check the settings of this environment, and their database."""
    configuration, adapters = configured(database_url)
    remedy = upgrade_command(database_url)
    checked = next(str(value) for variable, value in settings.effective(configuration, adapters) if variable.url)
    speaking = adapter.chosen(adapters, configuration)
    found = installation.of_settings(configuration.gateway, adapter.open_to_writes(speaking, configuration))
    async with opened(configuration, speaking, reading=True) as (core, store):
        require_file(store.file, remedy)
        await require_known(store)
        problem = await level.problem(store)
        if problem is not None:
            found.append(installation.behind(problem, remedy))
            return Report(checked=checked, services=0, diagnoses=about_gateway(found))
        found += await local.of_database(store, core.clock)
        found += of_webhooks(await core.webhooks.list(), (await core.registry.moment()).now)
        lookup = HostLookup()
        alive, diagnoses = await local.of_services(store, core.registry, core.findings, lookup)
        found += await local.of_registry(core.registry, core.clock)
        found += await adapter.inspected(speaking, configuration, alive)
    unreachable, unresolved = lookup.diagnoses()
    return Report(
        checked=checked,
        services=len(alive),
        diagnoses=[*about_gateway(found), *diagnoses, *unreachable],
        unresolved=unresolved,
    )


def _document(report: Report) -> dict[str, object]:
    return {
        "checked": report.checked,
        "services": report.services,
        "findings": [
            {"dialect": d.dialect, "key": d.key, **msgspec.structs.asdict(d.finding)} for d in report.diagnoses
        ],
        "hosts_not_looked_up": report.unresolved,
    }


def _print(report: Report) -> None:
    """Print each kind of finding once, errors first, with the services that have it."""
    alike: dict[tuple[str, str], list[Diagnosis]] = {}
    for diagnosis in report.diagnoses:
        alike.setdefault((diagnosis.finding.severity, diagnosis.finding.code), []).append(diagnosis)
    for _, several in sorted(alike.items(), key=lambda item: item[0][0]):
        _print_alike(several)
    looked = f"{report.checked} with {counted(report.services, 'live service')}"
    if report.unresolved:
        hosts = counted(len(report.unresolved), "host")
        say(f"Not resolved in time: {', '.join(report.unresolved[:5])} ({hosts})")
    if report.diagnoses:
        say()
        say(f"{counted(len(report.diagnoses), 'finding')} in {looked}")
    else:
        say(f"Nothing found in {looked}")


def _print_alike(several: list[Diagnosis]) -> None:
    of_gateway: list[Finding] = [d.finding for d in several if d.key is None]
    for finding in of_gateway:
        print_finding(finding)
    of_services = [d for d in several if d.key is not None]
    if of_services:
        print_finding(of_services[0].finding, [f"{d.dialect}/{d.key}" for d in of_services])
