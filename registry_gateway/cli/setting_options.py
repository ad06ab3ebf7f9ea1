"""Settings as options of a command."""

import os
from functools import cached_property
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import click

from registry_gateway import adapter, settings
from registry_gateway.adapter import AnyAdapter
from registry_gateway.cli.output import setting
from registry_gateway.settings import STRIPPED, Configuration, SettingsError, Variable


class OfSettings(click.Command):
    """A command whose options are the settings: the gateway's, and those of the adapters that are installed."""

    @cached_property
    def _of_settings(self) -> list[click.Parameter]:
        return [_option(v) for v in settings.variables(adapter.installed()) if v.flag is not None]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the settings, then those of the command itself."""
        return [*self._of_settings, *super().get_params(ctx)]


class _Choice(click.Choice[str]):
    """A choice that ignores surrounding white space, like other settings."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        return super().convert(value.strip(STRIPPED) if isinstance(value, str) else value, param, ctx)


def _option(variable: Variable) -> click.Option:
    notes = [variable.env]
    if variable.secret:
        notes.append("a secret: better set there")
    elif setting(variable.default):
        notes.append(f"default: {setting(variable.default)}")
    kinds = get_args(variable.kind) if get_origin(variable.kind) is UnionType else (variable.kind,)
    choices = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    name = variable.flag or ""
    kind: Any = _Choice([str(choice) for choice in choices]) if choices else str
    metavar = None if choices else variable.field.rpartition("_")[2].upper()
    for number in (bool, int, float):
        if number in kinds:
            kind, metavar = number, None if number is bool else "N"
    return click.Option(
        [f"{name}/--no-{name[2:]}" if kind is bool else name, variable.env],
        type=kind,
        metavar=metavar,
        default=None,
        help=f"{variable.help}  [{'; '.join(notes)}]",
    )


def configure(adapters: tuple[AnyAdapter, ...], given: dict[str, Any]) -> Configuration:
    """Load the settings. Errors name the option instead of the setting if the value came from one."""
    try:
        return settings.load(adapters, os.environ, given)
    except SettingsError as error:
        message = str(error)
        for variable in settings.variables(adapters):
            if given.get(variable.env) is not None and message.startswith(variable.env):
                raise SettingsError(f"{variable.flag}{message.removeprefix(variable.env)}") from None
        raise
