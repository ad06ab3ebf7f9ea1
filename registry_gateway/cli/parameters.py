"""Options that several commands share, and the checks of their values."""

from collections.abc import Callable
from urllib.parse import urlsplit

import click
import httpx

from registry_gateway import adapter
from registry_gateway.settings import AROUND, PREFIX, Settings

database_url_option = click.option(
    "--database-url",
    metavar="URL",
    help=f"The gateway's database.  [{PREFIX}DATABASE_URL; default: {Settings().database_url}]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON. Times are seconds since the epoch.")


def dialect_option(help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option `--dialect`, whose values are the names of installed adapters."""
    return click.option("--dialect", metavar="NAME", callback=_installed_dialect, help=help_text)


def _installed_dialect(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    names = [a.name for a in adapter.installed()]
    if value is not None and value not in names:
        raise click.BadParameter(f"no dialect {value} (installed: {', '.join(names)})")
    return value


def check_url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return a URL from the command line, without a slash at its end.

    Raises:
        click.BadParameter: It is none.
    """
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        ok = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and value.isprintable()
        httpx.URL(value)
    except (ValueError, httpx.InvalidURL):
        ok = False
    if not ok:
        raise click.BadParameter("it must be a URL such as http://gateway:8765")
    return parts._replace(query="", fragment="", path=parts.path.rstrip("/")).geturl()


def check_secret(_context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Return a key or token from the command line or the environment, without surrounding white space.

    Raises:
        click.BadParameter: It can't be sent in a header. It is not repeated.
    """
    if value is None:
        return None
    secret = value.strip(AROUND)
    if not (secret.isascii() and secret.isprintable() and secret):
        raise click.BadParameter(f"{parameter.opts[0]} must be one line of ASCII, and not empty")
    return secret
