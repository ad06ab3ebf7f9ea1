"""Settings: where each comes from, and which make no sense."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from registry_gateway import settings
from registry_gateway.core.rate_limit import Rate
from registry_gateway.observability.masking import MASK
from registry_gateway.settings import Seconds, SettingsError


class PlainSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a dialect of this test."""

    key: Annotated[
        str | None, Meta(description="A key.", extra={"env": "PLAIN_SERVICE_KEY", "secret": True, "flag": "--key"})
    ] = None
    ttl_seconds: Annotated[Seconds, Meta(description="A time.")] = 30.0
    status: Annotated[Literal[422, 401], Meta(description="A choice.")] = 422
    closed: Annotated[bool, Meta(description="A switch.")] = False
    slugs: Annotated[tuple[str, ...], Meta(description="A list.")] = ("a", "b")


@dataclass(frozen=True)
class Plain:
    """A dialect, as far as its settings go."""

    name: str = "plain"
    settings: type[msgspec.Struct] = PlainSettings


ADAPTERS = [Plain()]


def load(environ: Mapping[str, str] | None = None, **options: Any) -> settings.Configuration:
    return settings.load(ADAPTERS, environ or {}, options)


def of_dialect(environ: dict[str, str]) -> PlainSettings:
    found = load(environ).adapters["plain"]
    assert isinstance(found, PlainSettings)
    return found


def test_without_anything_the_defaults_hold() -> None:
    configuration = load()
    assert configuration.gateway == settings.Settings()
    assert configuration.adapters == {"plain": PlainSettings()}


def test_the_environment_is_read() -> None:
    configuration = load({"REGISTRY_GATEWAY_PORT": "9000", "PLAIN_SERVICE_KEY": "s3cret", "HOME": "/root"})
    assert configuration.gateway.port == 9000
    assert configuration.adapters["plain"].key == "s3cret"


def test_an_option_wins_over_the_environment() -> None:
    environ = {"REGISTRY_GATEWAY_PORT": "9000", "REGISTRY_GATEWAY_HOST": "127.0.0.1"}
    gateway = load(environ, REGISTRY_GATEWAY_PORT=9001, REGISTRY_GATEWAY_HOST=None).gateway
    assert (gateway.port, gateway.host) == (9001, "127.0.0.1")


def test_values_are_read_as_what_they_are() -> None:
    found = of_dialect(
        {
            "REGISTRY_GATEWAY_PLAIN_TTL_SECONDS": "0.5",
            "REGISTRY_GATEWAY_PLAIN_STATUS": "401",
            "REGISTRY_GATEWAY_PLAIN_CLOSED": "true",
            "REGISTRY_GATEWAY_PLAIN_SLUGS": " x, y ,,z ",
        }
    )
    assert found == PlainSettings(ttl_seconds=0.5, status=401, closed=True, slugs=("x", "y", "z"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGISTRY_GATEWAY_PORT", "http"),
        ("REGISTRY_GATEWAY_PORT", "65536"),
        ("REGISTRY_GATEWAY_PORT", "-1"),
        ("REGISTRY_GATEWAY_MAX_BODY_BYTES", "10"),
        ("REGISTRY_GATEWAY_LOG_FORMAT", "xml"),
        ("REGISTRY_GATEWAY_SQLITE_SYNCHRONOUS", "OFF"),
        ("REGISTRY_GATEWAY_RETENTION_DAYS", "0"),
        ("REGISTRY_GATEWAY_RETENTION_DAYS", "inf"),
        ("REGISTRY_GATEWAY_RETENTION_DAYS", "nan"),
        ("REGISTRY_GATEWAY_PURGE_INTERVAL", "1e999"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "gateway.example.org"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "http://"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "https:///registry"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "http://:8765"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "http://gateway:port"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "http://gateway example.org"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "http://gateway\n.example.org"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "http://gateway/?a=1"),
        ("REGISTRY_GATEWAY_PUBLIC_URL", "ftp://gateway.example.org"),
        ("REGISTRY_GATEWAY_ROOT_PATH", "registry"),
        ("REGISTRY_GATEWAY_ROOT_PATH", "/registry/"),
        ("REGISTRY_GATEWAY_CORS_ORIGINS", "*"),
        ("REGISTRY_GATEWAY_CORS_ORIGINS", "https://dashboard.example.com/"),
        ("REGISTRY_GATEWAY_DIALECTS", "plain,klingon"),
        ("REGISTRY_GATEWAY_DATABASE_URL", "mysql://localhost/registry"),
        ("REGISTRY_GATEWAY_DATABASE_URL", "registry.db"),
        ("REGISTRY_GATEWAY_DATABASE_URL", "sqlite://"),
        ("REGISTRY_GATEWAY_DATABASE_URL", "sqlite:///:memory:"),
        ("REGISTRY_GATEWAY_PLAIN_STATUS", "500"),
        ("REGISTRY_GATEWAY_PLAIN_CLOSED", "perhaps"),
        ("REGISTRY_GATEWAY_PLAIN_TTL_SECONDS", "-3"),
    ],
)
def test_a_value_that_is_invalid_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({name: value})
    message = str(refused.value)
    assert message.startswith(f"{name}: ")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    "name",
    [
        "PLAIN_SERVICE_KEY",
        "REGISTRY_GATEWAY_DATABASE_URL",
        "REGISTRY_GATEWAY_DIALECTS",
        "REGISTRY_GATEWAY_PLAIN_SLUGS",
        "REGISTRY_GATEWAY_PORT",
    ],
)
@pytest.mark.parametrize("value", ["", " ", " , ", "\r\n", "\ufeff"])
def test_an_empty_value_is_an_error_and_not_the_default(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is empty: unset it, or set a value$"):
        load({name: value})


@pytest.mark.parametrize("name", ["REGISTRY_GATEWAY_PROT", "REGISTRY_GATEWAY_", "REGISTRY_GATEWAY_PLAIN_KEY"])
def test_an_unknown_name_of_ours_is_an_error(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: there is no such setting"):
        load({name: "1"})


def test_a_secret_is_never_in_an_error() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"REGISTRY_GATEWAY_DATABASE_URL": "mysql://me:hunter2@db/registry"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@db/registry",
        "postgresql+asyncpg://me:hunter2@db/registry",
        "postgresql://me@db/registry?password=hunter2",
    ],
)
def test_what_is_in_effect_is_shown_without_secrets(url: str) -> None:
    configuration = load({"REGISTRY_GATEWAY_DATABASE_URL": url, "PLAIN_SERVICE_KEY": "hunter2"})
    shown = {variable.env: value for variable, value in settings.effective(configuration, ADAPTERS)}
    assert shown["PLAIN_SERVICE_KEY"] == MASK
    assert "hunter2" not in repr(shown)
    assert str(shown["REGISTRY_GATEWAY_DATABASE_URL"]).startswith(url.partition("@")[0].partition(":me")[0][:12])


def test_a_secret_that_is_not_set_is_shown_as_not_set() -> None:
    shown = {variable.env: value for variable, value in settings.effective(load(), ADAPTERS)}
    assert shown["PLAIN_SERVICE_KEY"] is None
    assert shown["REGISTRY_GATEWAY_PORT"] == 8765


def test_every_setting_has_a_name_of_its_own_a_help_and_a_default() -> None:
    known = settings.variables(ADAPTERS)
    names = [variable.env for variable in known]
    assert len(set(names)) == len(names)
    assert all(variable.help.endswith(".") for variable in known)
    assert all(variable.default is not msgspec.NODEFAULT for variable in known)
    flags = {variable.env: variable.flag for variable in known}
    assert flags["REGISTRY_GATEWAY_DATABASE_URL"] == "--database-url"
    assert flags["PLAIN_SERVICE_KEY"] == "--key"
    assert flags["REGISTRY_GATEWAY_PLAIN_STATUS"] is None


def test_a_rate_is_read() -> None:
    assert load().gateway.rate() is None
    assert load({"REGISTRY_GATEWAY_RATE_LIMIT": "10/s"}).gateway.rate() == Rate(10, 1.0)
    with pytest.raises(SettingsError, match=r"^REGISTRY_GATEWAY_RATE_LIMIT: must be such as .*, not 'ten'$"):
        load({"REGISTRY_GATEWAY_RATE_LIMIT": "ten"})


AROUND = [("", "\n"), ("", "\r\n"), (" \t", " "), ("\n", "\n\n"), ("\ufeff", "\n")]


@pytest.mark.parametrize(("before", "after"), AROUND)
def test_what_stands_around_a_value_is_no_part_of_it(before: str, after: str) -> None:
    plain = {
        "REGISTRY_GATEWAY_DATABASE_URL": "sqlite:///r.db",
        "REGISTRY_GATEWAY_PORT": "9000",
        "REGISTRY_GATEWAY_PUBLIC_URL": "http://gateway:9000",
        "REGISTRY_GATEWAY_REQUIRE_AUTH": "true",
        "REGISTRY_GATEWAY_LOG_FORMAT": "json",
        "REGISTRY_GATEWAY_RETENTION_DAYS": "7",
        "REGISTRY_GATEWAY_RATE_LIMIT": "10/s",
        "REGISTRY_GATEWAY_DIALECTS": "plain",
        "REGISTRY_GATEWAY_PLAIN_SLUGS": "x,y",
        "REGISTRY_GATEWAY_PLAIN_STATUS": "401",
        "PLAIN_SERVICE_KEY": "s3cret with, a comma",
    }
    padded = {name: f"{before}{value}{after}" for name, value in plain.items()}
    assert load(padded) == load(plain) == settings.load(ADAPTERS, {}, padded)
    assert load(padded).gateway.database_url == "sqlite:///r.db"


LINKS = {
    "SERVICE_HOST": ["10.0.0.11", "fd00::b"],
    "SERVICE_PORT": ["8765"],
    "SERVICE_PORT_HTTP": ["8765"],
    "SERVICE_PORT_HTTP_ALT": ["8765"],
    "PORT": ["tcp://10.0.0.11:8765", "udp://10.0.0.11:53", "tcp://[fd00::b]:8765"],
    "PORT_8765_TCP": ["tcp://10.0.0.11:8765"],
    "PORT_8765_TCP_PROTO": ["tcp"],
    "PORT_8765_TCP_PORT": ["8765"],
    "PORT_8765_TCP_ADDR": ["10.0.0.11"],
    "PORT_132_SCTP_PROTO": ["sctp"],
    "PORT_8765_TCP_START": ["tcp://172.17.0.5:8765"],
    "PORT_8765_TCP_PORT_END": ["8770"],
    "NAME": ["/web/registry-gateway"],
    "ENV_REGISTRY_GATEWAY_PORT": ["9000"],
    "ENV_PATH": ["", "/usr/bin:/bin"],
}
"""What the kubelet and Docker set for a Service or container, after its name."""


@pytest.mark.parametrize("service", ["", "PLAIN_", "RUNSPEC_API_", "1_"])
def test_what_kubernetes_and_docker_say_of_a_service_is_no_setting(service: str) -> None:
    environ = {f"REGISTRY_GATEWAY_{service}{name}": value for name, values in LINKS.items() for value in values}
    assert load(environ).gateway == settings.Settings()
    assert load(environ, REGISTRY_GATEWAY_PORT=9000).gateway.port == 9000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGISTRY_GATEWAY_PORT", "abc"),
        ("REGISTRY_GATEWAY_PORT", "tcp://"),
        ("REGISTRY_GATEWAY_PORT", "http://10.0.0.11:8765"),
        ("REGISTRY_GATEWAY_PROT", "tcp://10.0.0.11:8765"),
        ("REGISTRY_GATEWAY_SERVICE_HOST", "gateway.example.org"),
        ("REGISTRY_GATEWAY_SERVICE_PORT", "http"),
        ("REGISTRY_GATEWAY_SERVICES_HOST", "10.0.0.11"),
        ("REGISTRY_GATEWAY_PORT_8765", "tcp://10.0.0.11:8765"),
        ("REGISTRY_GATEWAY_PORT_8765_TCP", "8765"),
        ("REGISTRY_GATEWAY_NAME", "gateway"),
    ],
)
def test_what_only_looks_like_it_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: "):
        load({name: value})


class TypeAlone(msgspec.Struct, frozen=True):
    """Settings of which one has a type alone."""

    berths: int | None = None


class LimitAlone(msgspec.Struct, frozen=True):
    """Settings of which one has a limit and no description."""

    berths: Annotated[int, Meta(ge=1)] = 1


@pytest.mark.parametrize("struct", [TypeAlone, LimitAlone])
def test_a_setting_of_an_adapter_without_a_description_is_named(struct: type[msgspec.Struct]) -> None:
    with pytest.raises(SettingsError, match=r"^the adapter plain has no description of its setting berths "):
        settings.load([Plain(settings=struct)], {})
