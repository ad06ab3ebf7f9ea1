"""The runspec adapter's settings, lease policy and welcome."""

import pytest

from gateway_runspec import RunspecSettings, adapter, policy, welcome
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.settings import Settings, SettingsError, load, variables


def test_inactive_agents_are_kept_for_the_retention_and_any_heartbeat_revives_them() -> None:
    assert policy(Settings(retention_days=2), RunspecSettings()) == LeasePolicy(
        late_renewal="revive", retention=172_800.0, keeps_deregistered=True
    )


def test_names_and_flags_of_the_settings() -> None:
    own = {v.field: v for v in variables([adapter]) if v.group == "runspec"}
    assert {field: (v.env, v.flag, v.secret) for field, v in own.items()} == {
        "api_key": ("REGISTRY_GATEWAY_RUNSPEC_API_KEY", "--api-key", True),
        "api_key_file": ("REGISTRY_GATEWAY_RUNSPEC_API_KEY_FILE", None, False),
        "heartbeat_interval": ("REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL", None, False),
        "max_instances": ("REGISTRY_GATEWAY_RUNSPEC_MAX_INSTANCES", None, False),
        "max_tools": ("REGISTRY_GATEWAY_RUNSPEC_MAX_TOOLS", None, False),
        "protect_reads": ("REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS", None, False),
    }


def test_protecting_reads_needs_a_key() -> None:
    reads = {"REGISTRY_GATEWAY_RUNSPEC_PROTECT_READS": "true"}
    with pytest.raises(SettingsError, match="needs REGISTRY_GATEWAY_RUNSPEC_API_KEY"):
        load([adapter], reads)
    configuration = load([adapter], reads | {"REGISTRY_GATEWAY_RUNSPEC_API_KEY": "k"})
    assert configuration.adapters["runspec"] == RunspecSettings(api_key=("k",), protect_reads=True)


@pytest.mark.parametrize("interval", ["0", "-1", "soon", ""])
def test_an_interval_that_is_invalid_stops_the_start(interval: str) -> None:
    with pytest.raises(SettingsError, match="RUNSPEC_HEARTBEAT_INTERVAL"):
        load([adapter], {"REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": interval})


@pytest.mark.parametrize("key", [None, "secret-key"])
def test_the_welcome_shows_a_registration_and_no_secret(key: str | None) -> None:
    where, curl = welcome("http://here:8765", RunspecSettings(api_key=None if key is None else (key,)))
    assert "http://here:8765/instances" in where
    assert "curl" in curl
    assert "http://here:8765/instances" in curl
    assert ("X-API-Key" in curl) is (key is not None)
    assert "secret-key" not in curl
