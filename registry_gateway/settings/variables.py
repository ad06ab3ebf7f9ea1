"""Settings as environment variables: their names and help, and the conversion and check of their values."""

import types
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from registry_gateway.core import web_url
from registry_gateway.core.service_links import is_service_link
from registry_gateway.observability.masking import MASK
from registry_gateway.settings.settings import PREFIX, STRIPPED, URL_VARIABLE, Settings, SettingsError
from registry_gateway.store.database_url import async_url
from registry_gateway.store.postgresql import libpq

S = TypeVar("S", bound=msgspec.Struct)


class HasSettings(Protocol):
    """The part of an adapter that this module uses."""

    @property
    def name(self) -> str:
        """The dialect's name."""
        ...

    @property
    def settings(self) -> type[msgspec.Struct]:
        """The Struct of its settings."""
        ...


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A setting with its names and default. `group` is the dialect, or None for the gateway's own settings."""

    group: str | None
    field: str
    env: str
    flag: str | None
    help: str
    default: Any
    secret: bool
    url: bool
    kind: Any


class Configuration(msgspec.Struct, frozen=True):
    """The settings in effect: the gateway's, and the adapters' by their names."""

    gateway: Settings
    adapters: dict[str, Any]


def variables(adapters: Sequence[HasSettings]) -> list[Variable]:
    """Return all settings: the gateway's own, then those of `adapters`.

    Raises:
        SettingsError: A setting of an adapter has no description.
    """
    found = list(_variables(Settings, None))
    for adapter in adapters:
        found.extend(_variables(adapter.settings, adapter.name))
    return found


def load(
    adapters: Sequence[HasSettings], environ: Mapping[str, str], options: Mapping[str, Any] | None = None
) -> Configuration:
    """Return the settings from `environ`, overridden by `options` (by environment name; None: not given).

    Raises:
        SettingsError: A value is invalid or empty, or a name that starts with `PREFIX` is unknown.
    """
    known = variables(adapters)
    environ = without_links(environ)
    _refuse_unknown(environ, known)
    given = {v.env: environ[v.env] for v in known if v.env in environ}
    given |= {env: value for env, value in (options or {}).items() if value is not None}
    gateway = _convert(Settings, [v for v in known if v.group is None], given)
    _check(gateway, adapters)
    return Configuration(
        gateway,
        {a.name: _convert(a.settings, [v for v in known if v.group == a.name], given) for a in adapters},
    )


def without_links(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return `environ` without the service links of Kubernetes and Docker, whose names can look like settings."""
    return {
        name: value
        for name, value in environ.items()
        if not (name.startswith(PREFIX) and is_service_link(name.removeprefix(PREFIX), value))
    }


def effective(configuration: Configuration, adapters: Sequence[HasSettings]) -> Iterator[tuple[Variable, Any]]:
    """Yield each setting with its value in effect; secrets, and passwords in URLs, are masked."""
    for variable in variables(adapters):
        group = configuration.gateway if variable.group is None else configuration.adapters[variable.group]
        value = getattr(group, variable.field)
        if variable.secret and value is not None:
            value = MASK
        elif variable.url and value is not None:
            value = libpq.masked(value)
        yield variable, value


def _variables(struct: type[msgspec.Struct], group: str | None) -> Iterator[Variable]:
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        kind, *metas = get_args(hints[field.name]) or (None,)
        meta = next((m for m in metas if isinstance(m, Meta) and m.description), None)
        if meta is None or meta.description is None:
            raise SettingsError(f"the adapter {group} has no description of its setting {field.name} (msgspec.Meta)")
        extra = meta.extra or {}
        prefix = PREFIX if group is None else f"{PREFIX}{group.upper()}_"
        yield Variable(
            group=group,
            field=field.name,
            env=extra.get("env", f"{prefix}{field.name.upper()}"),
            flag=extra.get("flag", None if group else f"--{field.name.replace('_', '-')}"),
            help=meta.description,
            default=field.default,
            secret=extra.get("secret", False),
            url=extra.get("url", False),
            kind=kind,
        )


def _refuse_unknown(environ: Mapping[str, str], known: Sequence[Variable]) -> None:
    names = {URL_VARIABLE, *(v.env for v in known)}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in names:
            raise SettingsError(f"{name}: there is no such setting (registry-gateway config lists them)")


def _convert(struct: type[S], known: Sequence[Variable], given: Mapping[str, Any]) -> S:
    values: dict[str, Any] = {}
    for variable in known:
        value = given.get(variable.env)
        if isinstance(value, str):
            value = _trimmed(variable, value)
        if value is not None:
            values[variable.field] = value
    try:
        return msgspec.convert(values, struct, strict=False)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`").partition("[")[0]
        variable = next(v for v in known if v.field == field)
        got = "" if variable.secret else f", not {values[field]!r}"
        raise SettingsError(f"{variable.env}: {problem[:1].lower()}{problem[1:].partition(', got')[0]}{got}") from None


def _trimmed(variable: Variable, value: str) -> str | list[str]:
    items = [item.strip(STRIPPED) for item in value.split(",")]
    if not any(items):
        raise SettingsError(f"{variable.env} is empty: unset it, or set a value")
    return [item for item in items if item] if _is_list(variable.kind) else value.strip(STRIPPED)


def _is_list(kind: Any) -> bool:
    options = get_args(kind) if get_origin(kind) is types.UnionType else (kind,)
    return any(get_origin(option) is tuple for option in options)


def _check(settings: Settings, adapters: Sequence[HasSettings]) -> None:
    try:
        async_url(settings.database_url)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}DATABASE_URL: {error}") from None
    try:
        settings.rate()
    except ValueError as error:
        raise SettingsError(f"{PREFIX}RATE_LIMIT: {error}") from None
    try:
        settings.webhook_networks()
    except ValueError as error:
        raise SettingsError(f"{PREFIX}WEBHOOK_PRIVATE_NETWORKS: {error}") from None
    try:
        settings.origins()
    except ValueError as error:
        raise SettingsError(f"{PREFIX}CORS_ORIGINS: {error}") from None
    if settings.public_url is not None:
        _check_public_url(settings.public_url)
    if settings.root_path and (not settings.root_path.startswith("/") or settings.root_path.endswith("/")):
        raise SettingsError(f"{PREFIX}ROOT_PATH: must start with / and not end with it")
    names = [adapter.name for adapter in adapters]
    for dialect in settings.dialects or ():
        if dialect not in names:
            raise SettingsError(f"{PREFIX}DIALECTS: {dialect} is not installed (there are: {', '.join(names)})")


def _check_public_url(url: str) -> None:
    try:
        parts = web_url.parsed(url)
        if parts.username is not None or parts.password is not None:
            raise ValueError("must have no user or password, because it is sent to every service")
        if "?" in url or "#" in url:
            raise ValueError("must have neither query nor fragment, because paths are appended to it")
    except ValueError as error:
        raise SettingsError(f"{PREFIX}PUBLIC_URL: {error}") from None
