"""`registry-gateway import`: import of the services of another registry."""

import asyncio
from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import click

from registry_gateway import adapter
from registry_gateway.adapter import Core
from registry_gateway.bulk.importing import Imported, Importer, Listing, NotAListing, StoreImporter, take_over
from registry_gateway.cli.output import print_json, say
from registry_gateway.cli.parameters import check_secret, check_url, database_url_option, json_option
from registry_gateway.cli.session import actor, configured, run
from registry_gateway.client.brief import brief
from registry_gateway.core.model import Actor
from registry_gateway.http.remote_server import RemoteServer, Unreachable, shown

LIST_BYTES = 256 * 2**20
"""Largest list that is read, in bytes: some hundred thousand services."""

MOST_NAMED = 20
"""Most services that were not imported that are named in the text output."""


class _Source(NamedTuple):
    """A kind of source, as `--from` names it: the dialect, and how its adapter imports."""

    name: str
    dialect: str
    importer: Importer[Any] | StoreImporter[Any]


def _sources() -> dict[str, _Source]:
    """Return the kinds of sources by name, those over HTTP first."""
    adapters = adapter.installed()
    over_http = [_Source(a.name, a.name, a.importer) for a in adapters if a.importer is not None]
    stores = [_Source(name, a.name, i) for a in adapters for name, i in a.store_importers.items()]
    return {source.name: source for source in (*over_http, *stores)}


def _source(_context: click.Context, _parameter: click.Parameter, value: str) -> _Source:
    known = _sources()
    if value not in known:
        raise click.BadParameter(f"cannot import from '{value}' (supported: {', '.join(known)})")
    return known[value]


def _url(context: click.Context, parameter: click.Parameter, value: str) -> str | None:
    source: _Source = context.params["source"]
    if isinstance(source.importer, Importer):
        return check_url(context, parameter, value)
    try:
        source.importer.check(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command(
    "import",
    epilog="""\b
Examples:
  registry-gateway import --from runspec http://old-registry:8765 --dry-run
  registry-gateway import --from runspec http://old-registry:8765
  REGISTRY_IMPORT_KEY=… registry-gateway import --from chap https://chap.example.org
  REGISTRY_IMPORT_KEY=… registry-gateway import --from chap-redis redis://redis:6379/3

Exit code 0: all that is listed there is registered here. 1: some of it was refused, and is named. 2: the list could
not be read, or the database not be written; it says why.
""",
)
@click.option(
    "--from",
    "source",
    metavar="SOURCE",
    required=True,
    is_eager=True,  # the form of the URL depends on it
    callback=_source,
    help="What URL is: a registry that speaks runspec or chap, or chap-redis, the Redis of a chap-core.",
)
@click.argument("url", callback=_url)
@click.option(
    "--key",
    envvar="REGISTRY_IMPORT_KEY",
    metavar="KEY",
    callback=check_secret,
    help="The other registry's key or the Redis' password, if needed.  [REGISTRY_IMPORT_KEY: better set there]",
)
@click.option("--dry-run", "dry", is_flag=True, help="Print what would be imported, and change nothing.")
@json_option
@database_url_option
@click.pass_context
def import_(
    context: click.Context,
    source: _Source,
    url: str,
    key: str | None,
    dry: bool,
    as_json: bool,
    database_url: str | None,
) -> None:
    """Register the services that the registry at URL lists, so that they need no restart.

    They are registered here with their documents, ids, versions and tools, and a full lease from now. Services that are
    registered here already, alive or not, are not changed; running the command again imports new ones. Point the
    address the services use to this gateway within that lease, so that their heartbeats renew it.
    """
    configuration, _ = configured(database_url)
    whose = Actor(f"import from {urlsplit(url).netloc.rpartition('@')[2]}", actor().client_address)
    listing = asyncio.run(_read(source, url, key, configuration.adapters[source.dialect], whose))

    async def work(core: Core) -> list[Imported]:
        return await take_over(core.registry, listing, dry=dry)

    done = run(database_url, work)
    if as_json:
        print_json({"source": shown(url), "dialect": source.dialect, "dry_run": dry, "services": done})
    else:
        _print(done, dry=dry, source=shown(url), lease=_lease(listing))
    context.exit(1 if any(i.outcome == "refused" for i in done) else 0)


async def _read(source: _Source, url: str, key: str | None, own: Any, whose: Actor) -> Listing:
    """Return the list of a source. `own` are the settings of its dialect; the events name `whose`.

    Raises:
        Unreachable: It can't be read.
        click.ClickException: It is not a list of services.
    """
    importer = source.importer
    if isinstance(importer, StoreImporter):
        try:
            return await importer.read(url, key, own, whose)
        except (Unreachable, NotAListing) as error:
            raise click.ClickException(f"{shown(url)} can't be read: {error}") from None
    url = url.removesuffix(importer.path.partition("?")[0])
    body = await _fetch(url, source.dialect, importer, key)
    try:
        return importer.read(body, own, whose)
    except NotAListing as error:
        where = shown(url + importer.path)
        raise click.ClickException(
            f"{where} does not answer as a {source.dialect} registry does: {error}; {_remedy(importer)}"
        ) from None


async def _fetch(url: str, dialect: str, importer: Importer[Any], key: str | None) -> bytes:
    """Return the list of the other registry.

    Raises:
        Unreachable: It gives none. The message has the reason.
    """
    target = url + importer.path
    async with RemoteServer({} if key is None else {importer.key_header: key}) as remote:
        reply = await remote.get(target, LIST_BYTES)
    if reply.status == 200:
        return reply.body
    if 300 <= reply.status < 400:
        why = f"it redirects to {brief(shown(reply.headers.get('location', 'nowhere')))}; give the URL it is at"
    elif reply.status in (401, 403):
        why = f"it is answered {reply.status}; " + ("give --key" if key is None else "the key is not one of its own")
    else:
        why = f"it is answered {reply.status}; is that a {dialect} registry?"
        if reply.status < 500:
            why += f" If so, {_remedy(importer)}"
    raise Unreachable(f"{shown(target)} can't be read: {why}")


def _remedy(importer: Importer[Any]) -> str:
    """Return advice for an answer that is not a registry's."""
    return f"try the URL that comes before its {importer.path.partition('?')[0]}"


def _lease(listing: Listing) -> float | None:
    return min((service.register.ttl for service in listing.services), default=None)


def _print(done: list[Imported], *, dry: bool, source: str, lease: float | None) -> None:
    """Print the number of imported services, and those that were not imported with the reasons."""
    counts = Counter(i.outcome for i in done)
    verb = "Would import" if dry else "Imported"
    say(f"{verb} {counts['imported']} of {len(done)} that {source} lists.")
    others = [i for i in done if i.outcome != "imported"]
    for other in sorted(others, key=lambda i: i.outcome)[:MOST_NAMED]:
        say(f"{other.outcome:<8} {brief(other.key)}: {brief(other.reason or '')}")
    if len(others) > MOST_NAMED:
        say(f"… and {len(others) - MOST_NAMED} more (--json has all)")
    if counts["imported"] and lease is not None and not dry:
        say(f"Without heartbeats they lapse in {lease:g} s: set their registry address to this gateway.")
