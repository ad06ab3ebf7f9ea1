"""`events --follow` where events are removed while it follows."""

import asyncio

import pytest

from registry_gateway.cli.events import follow_on
from registry_gateway.cli.registry_access.database import Database
from registry_gateway.cli.session import Session
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.registry import event_feed
from tests.conftest import GatewayFactory, core_of
from tests.integration import chap_service

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_it_says_what_was_removed_before_it_could_be_shown(
    start_gateway: GatewayFactory,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(event_feed, "PAUSE_SECONDS", 2.0)  # between two looks that found something
    async with start_gateway(database_url) as client:
        core = core_of(client)
        registry = Database(Session(core, core.registry._store), "database", ())
        await chap_service.register(client)
        follower = asyncio.create_task(follow_on(registry, 1, LogQuery(key="my-model"), as_json=False))

        async def shown(within: float = 2.5) -> tuple[int, str]:
            await asyncio.sleep(within)
            said = capsys.readouterr()
            return said.out.count("\n"), said.err

        await chap_service.register(client)
        assert await shown() == (1, "")
        for number in range(5):
            await chap_service.register(client, id=f"other-{number}")
        assert await shown() == (0, "")
        await core.registry.purge(most_events=2)
        assert await shown() == (0, "")  # it had come further than what was removed
        await chap_service.register(client)
        assert await shown(0.5) == (1, "")  # the next look is in a while
        for _ in range(4):
            await chap_service.register(client)
        await core.registry.purge(most_events=2)
        assert await shown() == (2, "2 events were removed before they could be shown\n")
        follower.cancel()
