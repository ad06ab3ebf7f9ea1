"""What the ScaiControl dialect makes of a service's silence, on the manual clock, and the settings of it."""

import pytest

from registry_gateway.core.lease import Health
from registry_gateway.core.model import EventKind
from registry_gateway.settings import SettingsError
from tests.conftest import GatewayFactory, ManualClock, core_of
from tests.integration.scaicontrol_account import data, events, found, service

pytestmark = pytest.mark.anyio


async def test_missed_heartbeats_degrade_step_by_step_and_a_heartbeat_restores(
    start_gateway: GatewayFactory, database_url: str, clock: ManualClock
) -> None:
    async with start_gateway(database_url) as client:
        registry = core_of(client).registry
        billing = await service(client)
        await billing.register("scaiflow")
        timeline = {
            89.9: Health.HEALTHY,
            90: Health.LAPSED,  # the first miss
            209.9: Health.LAPSED,
            210: Health.DEGRADED,  # the third, two monitor intervals later
            629.9: Health.DEGRADED,
            630: Health.UNREACHABLE,  # the tenth
            86_400 * 365: Health.UNREACHABLE,
        }
        passed = 0.0
        for seconds, health in timeline.items():
            clock.advance(seconds - passed)
            passed = seconds
            assert (await found(client, "scaiflow")).health is health, seconds
            await registry.expire()
            await registry.purge()
            await registry.expire()
        healed = data(await billing.heartbeat("scaiflow"))
        assert (healed["status"], healed["health_status"]) == ("active", "healthy")
        assert (await found(client, "scaiflow")).alive
        assert [event.kind for event in await events(client, "scaiflow")] == [
            EventKind.REGISTERED,
            EventKind.EXPIRED,
            EventKind.DEGRADED,
            EventKind.UNREACHABLE,
            EventKind.RECOVERED,
        ]


@pytest.mark.parametrize(
    ("environment", "timeline"),
    [
        (
            {
                "REGISTRY_HEARTBEAT_MONITOR_INTERVAL": "0.5",
                "REGISTRY_HEARTBEAT_GRACE_MULTIPLIER": "2",
                "REGISTRY_HEARTBEAT_DEGRADED_THRESHOLD": "2",
                "REGISTRY_HEARTBEAT_UNREACHABLE_THRESHOLD": "4",
            },
            [(59, "healthy"), (60, "lapsed"), (60.5, "degraded"), (61, "degraded"), (61.5, "unreachable")],
        ),
        (
            {"REGISTRY_HEARTBEAT_DEGRADED_THRESHOLD": "1", "REGISTRY_HEARTBEAT_UNREACHABLE_THRESHOLD": "2"},
            [(89, "healthy"), (90, "degraded"), (150, "unreachable")],
        ),
    ],
)
async def test_the_thresholds_of_missed_heartbeats_are_settings(
    start_gateway: GatewayFactory,
    sqlite_url: str,
    clock: ManualClock,
    environment: dict[str, str],
    timeline: list[tuple[float, str]],
) -> None:
    async with start_gateway(sqlite_url, environment) as client:
        billing = await service(client)
        assert data(await billing.register("invoices"), 201)["heartbeat_interval_seconds"] == 30
        start = clock.time
        for seconds, health in timeline:
            clock.time = start + seconds
            assert (await found(client, "invoices")).health == health, seconds


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"REGISTRY_HEARTBEAT_UNREACHABLE_THRESHOLD": "3"}, "REGISTRY_HEARTBEAT_UNREACHABLE_THRESHOLD"),
        ({"REGISTRY_HEARTBEAT_DEGRADED_THRESHOLD": "0"}, "REGISTRY_HEARTBEAT_DEGRADED_THRESHOLD"),
        ({"REGISTRY_HEARTBEAT_GRACE_MULTIPLIER": "2.5"}, "REGISTRY_HEARTBEAT_GRACE_MULTIPLIER"),
        ({"REGISTRY_HEARTBEAT_MONITOR_INTERVAL": "nan"}, "REGISTRY_HEARTBEAT_MONITOR_INTERVAL"),
        ({"REGISTRY_GATEWAY_SCAICONTROL_INTERNAL_SERVICES": "ScaiKey"}, "SCAICONTROL_INTERNAL_SERVICES"),
    ],
)
async def test_settings_that_are_invalid_stop_the_start(
    start_gateway: GatewayFactory, sqlite_url: str, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsError, match=words) as stopped:
        async with start_gateway(sqlite_url, environment):
            pass
    assert "\n" not in str(stopped.value)
