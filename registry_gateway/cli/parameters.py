"""Options that several commands share, and the checks of their values."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click
import httpx
import msgspec
from click.shell_completion import CompletionItem

from registry_gateway import adapter
from registry_gateway.client.secret import sendable
from registry_gateway.endpoints.admin.wire import Name
from registry_gateway.http import decode_errors
from registry_gateway.http.decode_errors import Text
from registry_gateway.http.query import Word
from registry_gateway.settings import PREFIX, STRIPPED, URL_VARIABLE, Settings

database_url_option = click.option(
    "--database-url",
    metavar="URL",
    help=f"The gateway's database.  [{PREFIX}DATABASE_URL; default: {Settings().database_url}]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON. Times are seconds since the epoch.")


def _text_of(kind: Any) -> Callable[[str], str]:
    """Return the check of a text whose type in requests is `kind`: a database gets the same texts as a gateway."""

    def text(value: str) -> str:
        try:
            checked: str = msgspec.convert(value, kind)
        except msgspec.ValidationError as flaw:
            raise click.BadParameter(str(decode_errors.detail(flaw)["msg"])) from None
        return checked

    return text


WORD, NAME, TEXT = _text_of(Word), _text_of(Name), _text_of(Text)
"""Types of parameters: a text that is not empty; one line without white space at its ends; any text."""

NUMBER = click.IntRange(1, 2**63 - 1)
"""The id of an object in the database."""

COUNT = click.IntRange(1, 10**9)
"""How many of something are printed."""


def dialect_option(help_text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option `--dialect`, whose values are the names of installed adapters, in any case.

    A command that works on a gateway, with `--url`, accepts any name: the gateway may have other adapters.
    """
    return click.option(
        "--dialect",
        metavar="NAME",
        type=NAME,
        callback=_installed_dialect,
        shell_complete=_complete_dialect,
        help=help_text,
    )


def _installed_dialect(context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    names = {a.name.lower(): a.name for a in adapter.installed()}
    found = names.get(value.lower())
    if found is None and (context.params.get("url") is not None or URL_VARIABLE in os.environ):
        return value.lower()
    if found is None:
        raise click.BadParameter(f"no dialect {value} (installed: {', '.join(names.values())})")
    return found


def _complete_dialect(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    return [CompletionItem(a.name) for a in adapter.installed() if a.name.startswith(begun.lower())]


def check_url(_context: click.Context | None, _parameter: click.Parameter | None, value: str | None) -> str | None:
    """Return a URL from the command line or the environment, without a slash at its end.

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
    return _secret(value, parameter.opts[0])


def token_of(value: str | None) -> str | None:
    """Return the token in REGISTRY_TOKEN, without surrounding white space.

    Raises:
        click.BadParameter: It can't be sent in a header. It is not repeated.
    """
    return _secret(value, "REGISTRY_TOKEN")


def _secret(value: str | None, name: str) -> str | None:
    try:
        return None if value is None else sendable(value.strip(STRIPPED), name)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
