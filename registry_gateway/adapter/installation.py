"""The adapters that are installed, and which of them this gateway speaks."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Any, TypeAlias

from registry_gateway.adapter.adapter import Adapter
from registry_gateway.core.model import Entry
from registry_gateway.doctor.rules.finding import Finding
from registry_gateway.doctor.rules.service import OwnFindings
from registry_gateway.settings import Configuration, SettingsError

AnyAdapter: TypeAlias = Adapter[Any]
"""An adapter whose settings are known to itself alone; `Configuration.adapters` has them by its name."""

GROUP = "registry_gateway.adapters"
"""The group of entry points that adapters are found through."""

OWN_SEGMENTS = frozenset({"admin", "catalog", "docs", "health", "metrics", "openapi.json", "page", "sd", "services"})
"""First path segments no adapter may claim: what the gateway answers there is its own."""


def installed() -> tuple[AnyAdapter, ...]:
    """Return the adapters that are installed, by name.

    Raises:
        SettingsError: One can't be loaded, or two have the same name.
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
    """Return those of `adapters` that the settings switch on, REGISTRY_GATEWAY_DIALECTS and their own.

    Raises:
        SettingsError: Two of these claim the same path.
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
    """Return the dialects anybody may write to, each with the name of the setting that would close it."""
    named = {a.name: a.open_writes(configuration.adapters[a.name]) for a in adapters}
    return {name: setting for name, setting in named.items() if setting is not None}


def own_findings(adapters: Sequence[AnyAdapter], configuration: Configuration) -> OwnFindings:
    """Return a function that asks the adapter of an entry for its findings; an entry of no such adapter has none."""
    by_name = {adapter.name: adapter for adapter in adapters}

    def findings(entry: Entry) -> Sequence[Finding]:
        adapter = by_name.get(entry.registration.dialect)
        return () if adapter is None else adapter.findings(configuration.adapters[adapter.name], entry)

    return findings
