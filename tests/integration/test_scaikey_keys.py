"""ScaiKey's keys: fetched when they are needed, rotated, and kept while the issuer is slow or away."""

import asyncio
import logging
from itertools import repeat
from typing import Any

import pytest

from gateway_scaicontrol.auth import KeysUnavailable
from gateway_scaicontrol.jwks import Keys
from tests.conftest import GatewayFactory, ManualClock
from tests.integration.scaicontrol_account import Service, data, refused, service
from tests.integration.scaikey_issuer import (
    FIRST,
    JWKS_PATH,
    SECOND,
    Issuer,
    IssuerServer,
    assemble,
)

pytestmark = pytest.mark.anyio

HOUR = 3600.0
LONG: dict[str, Any] = {"exp": 4_000_000_000}


def unavailable(answer: Any) -> int:
    """The seconds after which a 503 asks to come back."""
    assert "try again" in refused(answer, 503, "unavailable")
    return int(answer.headers["retry-after"])


# --- when they are fetched


async def test_once_an_hour(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, clock: ManualClock) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        assert issuer.asked == 0
        flow = Service(client, issuer.token(**LONG))
        data(await flow.register("scaiflow"), 201)
        for _ in range(59):
            clock.advance(60)
            data(await flow.heartbeat("scaiflow"))
        assert issuer.asked == 1
        clock.advance(60)
        data(await flow.heartbeat("scaiflow"))
        assert issuer.asked == 2


async def test_a_withdrawn_key_is_worth_nothing_after_an_hour(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        flow = Service(client, issuer.token(**LONG))
        data(await flow.register("scaiflow"), 201)
        issuer.keys = [SECOND.jwk()]
        clock.advance(HOUR)
        refused(await flow.heartbeat("scaiflow"), 401, "unauthorized")
        data(await Service(client, issuer.token(SECOND, **LONG)).heartbeat("scaiflow"))


async def test_a_clock_set_back_keeps_no_set_longer(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, issuer.token()).register("scaiflow"), 201)
        clock.advance(-86_400)
        data(await Service(client, issuer.token(more=1)).update("scaiflow"))
    assert issuer.asked == 2


async def test_a_rotation_is_noticed_at_the_first_token(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, issuer.token()).register("scaiflow"), 201)
        issuer.keys = [FIRST.jwk(), SECOND.jwk()]
        data(await Service(client, issuer.token(SECOND)).heartbeat("scaiflow"))
        data(await Service(client, issuer.token(more=1)).heartbeat("scaiflow"))
    assert issuer.asked == 2


async def test_unknown_key_ids_cause_one_fetch_a_minute(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, issuer.token()).register("scaiflow"), 201)

        async def strangers(first: int) -> None:
            for number in range(first, first + 5):
                header = {"alg": "RS256", "kid": f"made-up-{number}"}
                caller = Service(client, assemble(header, issuer.claims(), FIRST))
                refused(await caller.heartbeat("scaiflow"), 401, "unauthorized")

        await strangers(0)
        assert issuer.asked == 2
        issuer.keys = [SECOND.jwk()]
        clock.advance(59)
        await strangers(5)
        refused(await Service(client, issuer.token(SECOND)).heartbeat("scaiflow"), 401, "unauthorized")
        assert issuer.asked == 2
        clock.advance(1)
        data(await Service(client, issuer.token(SECOND)).heartbeat("scaiflow"))
        await strangers(10)
        assert issuer.asked == 3


async def test_the_url_of_the_keys_can_be_set(start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer) -> None:
    elsewhere = {"SCAIKEY_ISSUER": "https://scaikey.example/", "SCAIKEY_JWKS_URL": f"{issuer.url}/keys.json"}
    async with start_gateway(sqlite_url, elsewhere) as client:
        data(await Service(client, issuer.token(iss="https://scaikey.example/")).register("scaiflow"), 201)
        refused(await Service(client, issuer.token()).register("other"), 401, "unauthorized")


async def test_a_verified_token_is_not_verified_again_for_a_minute(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        flow = Service(client, issuer.token(**LONG))
        data(await flow.register("scaiflow"), 201)
        clock.advance(HOUR - 1)
        data(await flow.heartbeat("scaiflow"))
        issuer.keys = [SECOND.jwk()]
        clock.advance(59)
        data(await flow.heartbeat("scaiflow"))
        assert issuer.asked == 1
        clock.advance(1)
        refused(await flow.heartbeat("scaiflow"), 401, "unauthorized")


# --- slow


async def test_a_slow_issuer_holds_up_only_who_needs_it(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        local = await service(client)
        known = Service(client, issuer.token(**LONG))
        data(await local.register("invoices"), 201)
        data(await known.register("scaiflow"), 201)
        issuer.open.clear()
        issuer.keys = [FIRST.jwk(), SECOND.jwk()]
        waiting = [
            asyncio.create_task(Service(client, issuer.token(SECOND, sub=f"s{n}")).register(f"service-{n}"))
            for n in range(5)
        ]
        while issuer.asked < 2:  # noqa: ASYNC110 - counted in the issuer's thread
            await asyncio.sleep(0.001)
        async with asyncio.timeout(2):
            for _ in range(5):
                data(await local.heartbeat("invoices"))
                data(await known.heartbeat("scaiflow"))
                assert (await client.get("/health")).status_code == 200
        assert not any(task.done() for task in waiting)
        waiting.pop().cancel()  # one client that hangs up doesn't end the fetch of the others
        issuer.open.set()
        for answer in await asyncio.gather(*waiting):
            data(answer, 201)
    assert issuer.asked == 2


async def test_an_issuer_that_came_back_slow_holds_up_nobody(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer, clock: ManualClock
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        data(await Service(client, issuer.token(**LONG)).register("scaiflow"), 201)
        issuer.status = 500
        clock.advance(HOUR)
        data(await Service(client, issuer.token(more=1, **LONG)).heartbeat("scaiflow"))
        issuer.open.clear()
        clock.advance(60)
        async with asyncio.timeout(2):
            data(await Service(client, issuer.token(more=2, **LONG)).heartbeat("scaiflow"))
            while issuer.asked < 3:  # noqa: ASYNC110 - counted in the issuer's thread
                await asyncio.sleep(0.001)
        issuer.status = 200
        issuer.open.set()
        data(await Service(client, issuer.token(more=3, **LONG)).heartbeat("scaiflow"))


async def test_requests_before_the_first_keys_share_one_fetch(
    start_gateway: GatewayFactory, sqlite_url: str, issuer: Issuer
) -> None:
    async with start_gateway(sqlite_url, issuer.environment) as client:
        callers = [Service(client, issuer.token(sub=f"s{n}")) for n in range(20)]
        answers = await asyncio.gather(*(c.register(f"service-{n}") for n, c in enumerate(callers)))
        assert [answer.status_code for answer in answers] == [201] * 20
    assert issuer.asked == 1


async def test_an_answer_that_never_ends_is_given_up(issuer: Issuer, clock: ManualClock) -> None:
    issuer.body, issuer.pause = lambda: repeat(b" "), 0.02
    keys = Keys(issuer.url + JWKS_PATH, deadline=0.3)
    async with keys.opened():
        with pytest.raises(KeysUnavailable):
            await keys.find("first", clock.now())
        issuer.body = lambda: ()
        issuer.open.clear()
        clock.advance(10)
        with pytest.raises(KeysUnavailable):
            await keys.find("first", clock.now())
        assert issuer.asked == 2
        issuer.open.set()


async def test_a_fetch_that_runs_does_not_outlive_the_gateway(issuer: Issuer, clock: ManualClock) -> None:
    issuer.open.clear()
    keys = Keys(issuer.url + JWKS_PATH)
    async with keys.opened():
        asking = asyncio.create_task(keys.find("first", clock.now()))
        while not issuer.asked:  # noqa: ASYNC110 - counted by another thread
            await asyncio.sleep(0.01)
    await asyncio.wait([asking], timeout=1)
    assert asking.cancelled()
    issuer.open.set()
    with pytest.raises(KeysUnavailable):
        await keys.find("first", clock.now() + 10)
    assert issuer.asked == 1


async def test_requests_that_overtake_each_other_cause_no_further_fetch(issuer: Issuer, clock: ManualClock) -> None:
    keys = Keys(issuer.url + JWKS_PATH)
    async with keys.opened():
        assert await keys.find("first", clock.now()) is not None
        for second in (5, 4, 3, 5, 1):
            assert await keys.find("unknown", clock.now() + second) is None
    assert issuer.asked == 2


# --- down


async def test_down_from_the_start_and_up_later(
    start_gateway: GatewayFactory,
    sqlite_url: str,
    clock: ManualClock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = IssuerServer()
    issuer = server.issuer()
    async with start_gateway(sqlite_url, issuer.environment) as client:
        flow = Service(client, issuer.token())
        with caplog.at_level(logging.INFO, "registry_gateway.scaikey"):
            assert unavailable(await flow.register("scaiflow")) == 10
            clock.advance(4)
            assert unavailable(await flow.register("scaiflow")) == 6
            clock.advance(6)
            assert unavailable(await flow.register("scaiflow")) == 10
            # What is wrong whoever signed it is a 401 all the same, and so is what isn't a JWT.
            unsigned = assemble({"alg": "none", "kid": "first"}, issuer.claims(), FIRST)
            for token in ("a.b.c", "made-up", issuer.token(exp=1), issuer.token(iss="x"), "rgw_0_x", unsigned):
                refused(await Service(client, token).register("scaiflow"), 401, "unauthorized")
            data(await (await service(client)).register("invoices"), 201)
            server.start()
            assert unavailable(await flow.register("scaiflow")) == 10
            clock.advance(10)
            data(await flow.register("scaiflow"), 201)
            server.stop()
            clock.advance(HOUR)
            for number in range(3):  # the old set stays in use, and the tries don't hold up anybody
                caller = Service(client, issuer.token(number=number, **LONG))
                assert (await caller.heartbeat("scaiflow")).status_code == 200
                clock.advance(60)
            assert 1 <= unavailable(await Service(client, issuer.token(SECOND, **LONG)).heartbeat("scaiflow")) <= 60
        messages = [record.getMessage() for record in caplog.records if record.name == "registry_gateway.scaikey"]
        assert [message.split(",")[0].split(":")[0] for message in messages] == [
            "ScaiKey's keys can't be fetched",
            "ScaiKey's keys can be fetched again",
            "ScaiKey's keys can't be fetched",
        ]
        server.start()
        clock.advance(60)
        data(await Service(client, issuer.token(number=9, **LONG)).heartbeat("scaiflow"))
    server.stop()
