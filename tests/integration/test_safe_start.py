"""What `serve` says of dialects that anybody may write to."""

import signal
from pathlib import Path

import pytest

from registry_gateway import adapter, settings
from registry_gateway.app import create_app
from registry_gateway.settings import SettingsError
from tests.integration.command_line import complaint
from tests.integration.test_cli_serve import serving

CHAP, RUNSPEC = "SERVICEKIT_REGISTRATION_KEY", "REGISTRY_GATEWAY_RUNSPEC_API_KEY"
KEY = "key-0123456789abcdef"


def test_open_dialects_are_warned_of(sqlite_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--host", "0.0.0.0", "--database-url", sqlite_url) as gateway:
        warnings = [line for line in gateway.log().splitlines() if "warning: " in line]
        assert warnings == [
            "registry-gateway: warning: any client can register and remove chap services at 0.0.0.0; set " + CHAP,
            "registry-gateway: warning: any client can register and remove runspec services at 0.0.0.0; set " + RUNSPEC,
        ]
        assert gateway.end(signal.SIGTERM) == 0


@pytest.mark.slow
def test_no_warning_where_only_this_machine_reaches_them_or_keys_are_set(sqlite_url: str, tmp_path: Path) -> None:
    keys = {CHAP: KEY, RUNSPEC: KEY, "REGISTRY_GATEWAY_PUBLIC_URL": "https://registry.example.org"}
    for environment in ({}, {**keys, "REGISTRY_GATEWAY_REQUIRE_AUTH": "true"}):
        host = "0.0.0.0" if environment else "127.0.0.1"
        with serving(tmp_path, "--host", host, "--database-url", sqlite_url, **environment) as gateway:
            assert "warning: " not in gateway.log()
            assert gateway.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("environment", "warnings"),
    [
        ({}, 0),
        ({CHAP: KEY}, 1),
        ({f"{CHAP}_FILE": __file__}, 1),
        ({CHAP: KEY, "REGISTRY_GATEWAY_PUBLIC_URL": "https://registry.example.org"}, 0),
        ({CHAP: KEY, "REGISTRY_GATEWAY_CHAP_PING_URL": "relative"}, 0),
        ({CHAP: KEY, "REGISTRY_GATEWAY_DIALECTS": "runspec"}, 0),
    ],
    ids=["open", "key", "key file", "public url", "relative", "off"],
)
def test_a_key_that_follows_the_host_header_is_warned_of(environment: dict[str, str], warnings: int) -> None:
    adapters = adapter.installed()
    configuration = settings.load(adapters, environment)
    said = [
        warning
        for dialect in adapter.chosen(adapters, configuration)
        for warning in dialect.warnings(configuration.gateway, configuration.adapters[dialect.name])
    ]
    assert len(said) == warnings
    assert all("REGISTRY_GATEWAY_PUBLIC_URL" in warning and "Host" in warning for warning in said)


@pytest.mark.slow
def test_serve_prints_the_warnings_of_dialects_once(sqlite_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", "--database-url", sqlite_url, **{CHAP: KEY}) as gateway:
        assert gateway.log().count("follows the Host header") == 1
        assert gateway.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, f"writes to chap and runspec need none; set {CHAP} and {RUNSPEC}"),
        ({CHAP: KEY}, f"writes to runspec need none; set {RUNSPEC}"),
        ({"REGISTRY_GATEWAY_DIALECTS": "chap"}, f"writes to chap need none; set {CHAP}"),
    ],
)
def test_where_credentials_are_required_open_dialects_stop_the_start(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    said = complaint(f"sqlite:///{tmp_path}/registry.db", "serve", "--require-auth", **environment)
    assert said.endswith(message)
    assert list(tmp_path.iterdir()) == []


def test_an_application_that_is_embedded_refuses_as_well() -> None:
    adapters = adapter.installed()
    environment = {"REGISTRY_GATEWAY_REQUIRE_AUTH": "true", "REGISTRY_GATEWAY_DIALECTS": "chap,scaicontrol"}
    with pytest.raises(SettingsError, match=f"set {CHAP}$"):
        create_app(settings.load(adapters, environment), adapters)
    create_app(settings.load(adapters, {**environment, f"{CHAP}_FILE": __file__}), adapters)
