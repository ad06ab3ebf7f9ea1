"""The installed adapters, and the selection of those that this gateway serves."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from registry_gateway.adapter.adapter import INSPECT_WITHIN, NOTES_WITHIN, Adapter, ToolCommand
from registry_gateway.core.model import Entry, Registration
from registry_gateway.doctor.rules.finding import Finding, warning
from registry_gateway.doctor.rules.service import OwnFindings, OwnNotes
from registry_gateway.settings import Configuration, SettingsError

AnyAdapter: TypeAlias = Adapter[Any]
"""An adapter with settings of any type. `Configuration.adapters` has them by the adapter's name."""

GROUP = "registry_gateway.adapters"
"""The group of the adapters' entry points."""

OWN_SEGMENTS = frozenset({"admin", "catalog", "docs", "health", "metrics", "openapi.json", "page", "sd", "services"})
"""First path segments of the gateway's own endpoints, which adapters can't use."""


def installed() -> tuple[AnyAdapter, ...]:
    """Return the installed adapters, sorted by name.

    Raises:
        SettingsError: An adapter can't be loaded, or two have the same name.
    """
    found: dict[str, AnyAdapter] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            adapter = point.load()
        except Exception as error:
            raise SettingsError(f"the adapter {point.name} can't be loaded: {error}") from error
        if adapter.name in found:
            raise SettingsError(f"two adapters are called {adapter.name}; uninstall one")
        found[adapter.name] = adapter
    return tuple(found.values())


def chosen(adapters: Sequence[AnyAdapter], configuration: Configuration) -> tuple[AnyAdapter, ...]:
    """Return the adapters that are enabled by REGISTRY_GATEWAY_DIALECTS and by their own settings.

    Raises:
        SettingsError: Two of these serve the same path segment.
    """
    dialects = configuration.gateway.dialects
    asked_for = [a for a in adapters if dialects is None or a.name in dialects]
    speaking = tuple(a for a in asked_for if a.enabled(configuration.adapters[a.name]))
    claimed = dict.fromkeys(OWN_SEGMENTS, "the gateway itself")
    for adapter in speaking:
        for segment in adapter.segments:
            other = claimed.setdefault(segment, adapter.name)
            if other != adapter.name:
                raise SettingsError(f"{other} and {adapter.name} both answer /{segment}")
    return speaking


def account_scopes(adapters: Sequence[AnyAdapter]) -> tuple[str, ...]:
    """Return the scopes that an account needs to register in the dialects that have accounts."""
    return tuple(dict.fromkeys(scope for adapter in adapters for scope in adapter.account_scopes))


def open_to_writes(adapters: Sequence[AnyAdapter], configuration: Configuration) -> dict[str, str]:
    """Return the dialects that require no credential for writes, with the name of the setting that would."""
    named = {a.name: a.open_writes(configuration.adapters[a.name]) for a in adapters}
    return {name: setting for name, setting in named.items() if setting is not None}


async def inspected(
    adapters: Sequence[AnyAdapter], configuration: Configuration, alive: Sequence[Entry]
) -> list[Finding]:
    """Return what the adapters find beside the registry. `alive` are the live entries of all dialects."""
    found: list[Finding] = []
    for adapter in adapters:
        if adapter.inspect is None:
            continue
        own = [entry for entry in alive if entry.registration.dialect == adapter.name]
        try:
            async with asyncio.timeout(INSPECT_WITHIN):
                found += await adapter.inspect(configuration.adapters[adapter.name], own)
        except TimeoutError:
            summary = f"The checks of {adapter.name} did not end within {INSPECT_WITHIN:g} s"
            found.append(warning(f"{adapter.name}_not_checked", summary, "Check the servers in its settings."))
    return found


def own_findings(adapters: Sequence[AnyAdapter], configuration: Configuration) -> OwnFindings:
    """Return a function that asks the adapter of an entry for its findings; an entry of no such adapter has none."""
    by_name = {adapter.name: adapter for adapter in adapters}

    def findings(entry: Entry) -> Sequence[Finding]:
        adapter = by_name.get(entry.registration.dialect)
        return () if adapter is None else adapter.findings(configuration.adapters[adapter.name], entry)

    return findings


def own_tool_commands(adapters: Sequence[AnyAdapter], configuration: Configuration) -> ToolCommand:
    """Return a function that asks the adapter of a registration for the command line that runs a tool."""
    by_name = {adapter.name: adapter for adapter in adapters}

    def command(url: str, registration: Registration, tool: str) -> str | None:
        adapter = by_name.get(registration.dialect)
        if adapter is None:
            return None
        return adapter.tool_command(configuration.adapters[adapter.name], url, registration, tool)

    return command


def own_notes(adapters: Sequence[AnyAdapter], configuration: Configuration) -> OwnNotes:
    """Return a function that asks the adapter of an entry for its notes; an entry of no such adapter has none."""
    by_name = {adapter.name: adapter for adapter in adapters}

    async def notes(entry: Entry) -> Mapping[str, str]:
        adapter = by_name.get(entry.registration.dialect)
        if adapter is None or adapter.notes is None:
            return {}
        try:
            async with asyncio.timeout(NOTES_WITHIN):
                return await adapter.notes(configuration.adapters[adapter.name], entry)
        except TimeoutError:
            return {}

    return notes


def welcomes(
    adapters: Sequence[AnyAdapter], configuration: Configuration, url: str, command: str
) -> Iterator[Sequence[str]]:
    """Yield the lines with which each adapter shows how to register a service.

    `url` is where services reach the gateway, `command` how the command line is called in this installation.
    """
    for adapter in adapters:
        lines = adapter.welcome(url, configuration.adapters[adapter.name])
        if lines:
            yield [_CALL.sub(lambda _called: command, line) for line in lines]


_CALL = re.compile(r"\bregistry-gateway(?= [a-z])")
