"""What an adapter is, and how adapters are found.

An adapter translates one dialect: its routes decode a request, do one core call and encode the answer. It is a
value of `Adapter` behind an entry point of the group `registry_gateway.adapters`; see docs/adding-an-adapter.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

import msgspec

from registry_gateway.auth.accounts import Accounts
from registry_gateway.auth.service_keys import Keyrings
from registry_gateway.bulk.importing import Importer
from registry_gateway.core.clock import Clock
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.http.mount import Mount
from registry_gateway.registry.registry import Registry
from registry_gateway.settings import Configuration, Settings, SettingsError

__all__ = ["Adapter", "Core", "Mount"]

GROUP = "registry_gateway.adapters"

OWN_SEGMENTS = frozenset({"admin", "catalog", "docs", "health", "metrics", "openapi.json", "page", "sd", "services"})
"""First path segments no adapter may claim: what the gateway answers there is its own."""


@dataclass(frozen=True)
class Core:
    """What the gateway gives an adapter to work with."""

    registry: Registry
    accounts: Accounts
    keyrings: Keyrings
    settings: Settings
    clock: Clock


@dataclass(frozen=True)
class Adapter:
    """A dialect.

    Attributes:
        name: Its name in settings, events and on the command line.
        segments: The first path segments it answers; no two adapters may share one.
        settings: Struct of its settings; each field's environment name starts with the adapter's name unless
            its metadata says otherwise.
        policy: Its lease policy, from the gateway's and its own settings.
        mount: Builds its routes; called once at start.
        welcome: Lines for the start of `serve`: where the dialect is, and a curl line that registers something.
        closed_reads: Tells, from its settings, whether reading needs a credential; the catalogue then needs one too.
        open_writes: Tells, from its settings, whether anybody may write: the name of the setting that would close
            it, or None. Leave it out for a dialect that is never open, or always is on purpose.
        warnings: Tells, from the gateway's settings and its own, what `serve` warns of at the start: one line each.
        write_only: Paths that no GET is for. `registry-gateway doctor URL` asks there: a 405 tells that they arrive
            as they are written.
        importer: How it takes over what another registry of its kind lists, if it can.
    """

    name: str
    segments: frozenset[str]
    settings: type[msgspec.Struct]
    policy: Callable[[Settings, Any], LeasePolicy]
    mount: Callable[[Core, Any], Mount]
    welcome: Callable[[str, Any], Sequence[str]]
    open_writes: Callable[[Any], str | None] = lambda _own: None
    closed_reads: Callable[[Any], bool] = lambda _own: False
    warnings: Callable[[Settings, Any], Sequence[str]] = lambda _core, _own: ()
    write_only: Sequence[str] = ()
    importer: Importer | None = None


def installed() -> tuple[Adapter, ...]:
    """Return the adapters that are installed, by name.

    Raises:
        SettingsError: One can't be loaded, or two claim the same name or path.
    """
    found: dict[str, Adapter] = {}
    claimed = dict.fromkeys(OWN_SEGMENTS, "the gateway itself")
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            adapter = point.load()
        except Exception as error:
            raise SettingsError(f"the adapter {point.name} can't be loaded: {error}") from error
        if adapter.name in found:
            raise SettingsError(f"two adapters are called {adapter.name}; uninstall one")
        for segment in adapter.segments:
            other = claimed.setdefault(segment, adapter.name)
            if other != adapter.name:
                raise SettingsError(f"{other} and {adapter.name} both answer /{segment}")
        found[adapter.name] = adapter
    return tuple(found.values())


def chosen(adapters: Sequence[Adapter], settings: Settings) -> tuple[Adapter, ...]:
    """Return those of `adapters` that the settings switch on."""
    return tuple(a for a in adapters if settings.dialects is None or a.name in settings.dialects)


def open_to_writes(adapters: Sequence[Adapter], configuration: Configuration) -> dict[str, str]:
    """Return the dialects anybody may write to, each with the name of the setting that would close it."""
    named = {a.name: a.open_writes(configuration.adapters[a.name]) for a in adapters}
    return {name: setting for name, setting in named.items() if setting is not None}
