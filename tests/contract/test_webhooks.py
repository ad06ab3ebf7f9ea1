"""Deliveries of webhooks to real receivers: at least once, in order, through failures, by one gateway at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from registry_gateway.core.errors import InvalidUrl, NotFound, TooMany, UnusableUrl
from registry_gateway.core.model import EventKind
from registry_gateway.core.webhook import Format, State
from registry_gateway.core.webhook_schedule import GIVE_UP_SECONDS, HOLD_SECONDS, MOST_PAUSE, SLACK_INTERVAL
from registry_gateway.store.statements import webhooks as statements
from registry_gateway.webhooks import deliverer, sender, webhooks
from tests.conftest import ManualClock
from tests.contract.delivering import Delivering, until
from tests.contract.services import ACTOR, DIALECT, deregister, register, renew
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.anyio

OpenGateway = Callable[[], Delivering]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a migrated database: SQLite and the newest PostgreSQL."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often: time is the manual clock's, and only the looks at it take real time."""
    monkeypatch.setattr(deliverer, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(deliverer, "SETTLE_SECONDS", 0.01)


@pytest.fixture
async def open_gateway(database_url: str, clock: ManualClock) -> AsyncIterator[OpenGateway]:
    """Open gateways on the test's database."""
    opened: list[Delivering] = []

    def open_one() -> Delivering:
        opened.append(Delivering(database_url, clock))
        return opened[-1]

    yield open_one
    for one in opened:
        await one.close()


@pytest.fixture
def receivers() -> Iterator[Callable[[], Receiver]]:
    """Start receivers."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Receiver().running())


@pytest.fixture
def receiver(receivers: Callable[[], Receiver]) -> Receiver:
    """A receiver."""
    return receivers()


async def passing(clock: ManualClock, condition: Callable[[], object], seconds: float = 1.0) -> None:
    """Let time pass until a condition comes true."""

    def passed() -> object:
        if not condition():
            clock.advance(seconds)
        return condition()

    await until(passed)


def keys(events: Sequence[dict[str, Any]]) -> list[str]:
    """The keys of events."""
    return [event["key"] for event in events]


async def test_events_arrive_signed_in_order_and_once(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver
) -> None:
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.REGISTERED, dialect=DIALECT)
    async with gateway.running():
        for number in range(30):
            await gateway.registry.register(register(f"s-{number}"))
            await gateway.registry.renew(renew(f"s-{number}"))
        await passing(clock, lambda: len(receiver.events) >= 30)
    assert keys(receiver.events) == [f"s-{number}" for number in range(30)]
    assert {event["kind"] for event in receiver.events} == {"registered"}
    ids = [event["id"] for event in receiver.events]
    assert ids == sorted(set(ids))
    logged = {event.id: event for event in await gateway.registry.events(limit=1_000)}
    assert all(logged[event["id"]].at == event["at"] for event in receiver.events)
    for request in receiver.requests:
        headers = request.headers
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"].startswith("registry-gateway/")
        assert headers["webhook-signature"].startswith("v1,")
    shown = await gateway.webhook(added.id)
    assert (shown.state, shown.position) == (State.ACTIVE, ids[-1])
    attempts = await gateway.webhooks.deliveries(added.id)
    assert [attempt.message for attempt in reversed(attempts)] == [r.headers["webhook-id"] for r in receiver.requests]


async def test_many_webhooks_on_several_gateways_get_everything_once_and_in_order(
    open_gateway: OpenGateway, clock: ManualClock, receivers: Callable[[], Receiver]
) -> None:
    gateways = [open_gateway() for _ in range(3)]
    targets = [receivers() for _ in range(8)]
    for target in targets:
        await gateways[0].add(target.url, EventKind.REGISTERED)
    async with gateways[0].running(), gateways[1].running(), gateways[2].running():

        async def fill(gateway: Delivering, name: str) -> None:
            for number in range(40):
                await gateway.registry.register(register(f"{name}-{number}"))

        await asyncio.gather(*(fill(gateway, f"g{n}") for n, gateway in enumerate(gateways)))
        await passing(clock, lambda: all(len(target.events) >= 120 for target in targets), seconds=0.02)
    for target in targets:
        ids = [event["id"] for event in target.events]
        assert len(ids) == 120
        assert ids == sorted(set(ids))


async def test_a_failed_message_is_sent_again_unchanged_and_before_what_follows(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.answer = lambda number: 503 if number < 3 else 200
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.REGISTERED)
    async with gateway.running():
        await gateway.registry.register(register("first"))
        clock.advance(1)
        await until(lambda: len(receiver.requests) == 1)
        await gateway.wait(added.id, lambda webhook: webhook.failures)
        await gateway.registry.register(register("second"))
        await asyncio.sleep(0.2)
        assert len(receiver.requests) == 1, "the pause was not respected"
        shown = await gateway.webhook(added.id)
        assert (shown.state, shown.failures) == (State.FAILING, 1)
        assert shown.next_attempt_at is not None
        assert 1 < shown.next_attempt_at - clock.now() <= 2
        await passing(clock, lambda: len(receiver.events) >= 2)
    assert len({request.body for request in receiver.requests[:4]}) == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests[:4]}) == 1
    assert keys(receiver.events) == ["first", "second"]
    assert [(a.status, a.error) for a in reversed(await gateway.webhooks.deliveries(added.id))][2:4] == [
        (503, "answered 503"),
        (200, None),
    ]
    assert (await gateway.webhook(added.id)).state is State.ACTIVE


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ((302, {"location": "http://127.0.0.1:1/"}, b""), "answered 302: redirects are not followed"),
        ((500, {}, b"out of \x1b[31mdisk"), "answered 500: out of \\x1b[31mdisk"),
        ((404, {}, b"x" * 100_000), "answered 404: xxx"),
        ((429, {"retry-after": "30"}, b""), "answered 429"),
    ],
)
async def test_other_answers_are_failures(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver, reply: Any, error: str
) -> None:
    receiver.answer = lambda _number: reply
    gateway = open_gateway()
    added = await gateway.add(receiver.url)
    async with gateway.running():
        clock.advance(1)
        attempts = await gateway.attempts(added.id)  # it is told about its own addition
    assert attempts[0].error is not None
    assert attempts[0].error.startswith(error)
    assert len(attempts[0].error) < 300
    shown = await gateway.webhook(added.id)
    assert shown.state is State.FAILING
    if reply[0] == 429:
        assert shown.next_attempt_at is not None
        assert shown.next_attempt_at - clock.now() == 30.0


async def test_a_receiver_that_hangs_or_refuses_delays_no_other(
    open_gateway: OpenGateway,
    clock: ManualClock,
    receivers: Callable[[], Receiver],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "SECONDS", 0.5)
    held = asyncio.Event()
    loop = asyncio.get_running_loop()
    hanging, good = receivers(), receivers()
    hanging.answer = lambda _number: asyncio.run_coroutine_threadsafe(held.wait(), loop).result(20) and 200
    gateway = open_gateway()
    slow = await gateway.add(hanging.url, EventKind.REGISTERED)
    refused = await gateway.add("http://127.0.0.1:1/", EventKind.REGISTERED)
    await gateway.add(good.url, EventKind.REGISTERED)
    try:
        async with gateway.running():
            await gateway.registry.register(register("a"))
            clock.advance(1)
            await until(lambda: len(good.events) == 1)
            await gateway.registry.register(register("b"))
            await passing(clock, lambda: len(good.events) == 2, seconds=0.3)
            await gateway.attempts(slow.id)
    finally:
        held.set()
    assert (await gateway.webhooks.deliveries(slow.id))[0].error == "no complete answer within 0.5 s"
    assert "connect" in str((await gateway.webhooks.deliveries(refused.id))[0].error).lower()


async def test_many_receivers_that_hang_leave_room_for_others(
    open_gateway: OpenGateway,
    clock: ManualClock,
    receivers: Callable[[], Receiver],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "SECONDS", 1.0)
    held = asyncio.Event()
    loop = asyncio.get_running_loop()
    hanging, good = receivers(), receivers()
    hanging.answer = lambda _number: asyncio.run_coroutine_threadsafe(held.wait(), loop).result(30) and 200
    gateway = open_gateway()
    for _ in range(2 * deliverer.MOST_DELIVERIES):
        await gateway.add(hanging.url, EventKind.REGISTERED)
    added = await gateway.add(good.url, EventKind.DEREGISTERED)
    try:
        async with gateway.running():
            await gateway.registry.register(register("a"))
            clock.advance(1)
            failing = 0
            while failing < 2 * deliverer.MOST_DELIVERIES:
                await asyncio.sleep(0.1)
                failing = sum(webhook.state is State.FAILING for webhook in await gateway.webhooks.list())
            clock.advance(3)  # all of them are due again, and have waited longer than the good one
            await until(lambda: len(hanging.requests) > 2 * deliverer.MOST_DELIVERIES)
            began = loop.time()
            await gateway.registry.deregister(deregister("a"))
            clock.advance(0.3)
            await until(lambda: good.events)
            assert loop.time() - began < 0.9, "it waited for a receiver that hangs"
            assert (await gateway.webhook(added.id)).failures == 0
    finally:
        held.set()


async def test_a_receiver_that_answers_410_gets_no_further_message(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.answer = lambda _number: 410
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.REGISTERED)
    async with gateway.running():
        await gateway.registry.register(register("a"))
        clock.advance(1)
        await gateway.wait(added.id, lambda webhook: webhook.state is State.DISABLED)
        await gateway.registry.register(register("b"))
        clock.advance(MOST_PAUSE)
        await asyncio.sleep(0.2)
    assert len(receiver.requests) == 1
    [event] = [e for e in await gateway.registry.events() if e.kind is EventKind.WEBHOOK_DISABLED]
    assert (event.key, event.actor, event.reason) == (
        f"webhook:{added.id}",
        "gateway",
        "the receiver answered 410 (Gone)",
    )


@pytest.mark.slow
async def test_after_a_day_of_failures_it_is_disabled_and_enabled_it_is_told_what_it_missed(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver
) -> None:
    receiver.answer = lambda _number: 500
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.REGISTERED, EventKind.WEBHOOK_DISABLED)
    async with gateway.running():
        await gateway.registry.register(register("a"))
        began = clock.now()
        tried = 0
        while (shown := await gateway.webhook(added.id)).state is not State.DISABLED:
            if shown.next_attempt_at is not None and shown.failures > tried:
                tried = shown.failures
                clock.advance(max(0.0, shown.next_attempt_at - clock.now()) + 0.01)
            elif not tried:
                clock.advance(1)
            await asyncio.sleep(0.02)
        assert GIVE_UP_SECONDS <= clock.now() - began < GIVE_UP_SECONDS + 2 * MOST_PAUSE
        assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
        await gateway.registry.register(register("missed"))
        receiver.answer = lambda _number: 200
        failed = len(receiver.requests)
        await gateway.webhooks.enable(added.id, ACTOR)
        await gateway.webhooks.enable(added.id, ACTOR)  # changes nothing
        await gateway.registry.register(register("later"))
        await passing(clock, lambda: keys(receiver.events) == ["later"])
    missing = receiver.requests[failed].message
    assert missing["type"] == "registry.events_missing"
    logged = await gateway.registry.events()
    [first, *_, last] = [e.id for e in logged if e.key in ("a", "missed")]
    assert (missing["data"]["first"], missing["data"]["last"], missing["data"]["reason"]) == (first, last, "disabled")
    kinds = [e.kind for e in logged if e.key == f"webhook:{added.id}"]
    assert kinds == [EventKind.WEBHOOK_ADDED, EventKind.WEBHOOK_DISABLED, EventKind.WEBHOOK_ENABLED]


async def test_events_that_were_removed_are_one_message(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver
) -> None:
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.REGISTERED)
    for number in range(20):
        await gateway.registry.register(register(f"s-{number}"))
    await gateway.registry.purge(most_events=5)
    async with gateway.running():
        await passing(clock, lambda: len(receiver.events) == 5)
    missing, rest = receiver.requests
    [first, *_] = await gateway.registry.events(limit=5)
    assert missing.message["type"] == "registry.events_missing"
    assert missing.message["data"]["first"] == added.position + 1
    assert missing.message["data"]["last"] == first.id - 1
    assert missing.message["data"]["reason"] == "removed"
    assert [event["key"] for event in rest.events] == [f"s-{number}" for number in range(15, 20)]


async def test_events_that_it_does_not_want_are_passed_over_before_they_are_removed(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "STORE_SECONDS", 0.0)
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.DEREGISTERED)
    async with gateway.running():
        for number in range(20):
            await gateway.registry.register(register(f"s-{number}"))
        last = (await gateway.registry.events(limit=1))[0].id
        await gateway.wait(added.id, lambda webhook: webhook.position >= last)
        await gateway.registry.purge(most_events=2)
        await gateway.registry.deregister(deregister("s-3"))
        await passing(clock, lambda: receiver.requests)
    assert keys(receiver.events) == ["s-3"]
    assert len(receiver.requests) == 1


async def test_another_gateway_continues_for_one_that_was_killed(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "SECONDS", 30.0)
    held = asyncio.Event()
    loop = asyncio.get_running_loop()
    first, second = open_gateway(), open_gateway()
    receiver.answer = lambda n: 200 if n else (asyncio.run_coroutine_threadsafe(held.wait(), loop).result(20) and 500)
    await first.add(receiver.url, EventKind.REGISTERED)
    try:
        async with first.killed():
            await first.registry.register(register("a"))
            clock.advance(1)
            await until(lambda: len(receiver.requests) == 1)
        async with second.running():
            await second.registry.register(register("b"))
            clock.advance(HOLD_SECONDS - 1.5)
            await asyncio.sleep(0.3)
            assert len(receiver.requests) == 1, "the hold of the other gateway was not respected"
            clock.advance(1.5)
            await passing(clock, lambda: len(receiver.events) >= 2)
    finally:
        held.set()
    assert keys(receiver.events) == ["a", "b"]


async def test_a_gateway_that_stops_leaves_its_webhooks_to_the_others_at_once(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "SECONDS", 30.0)
    held = asyncio.Event()
    loop = asyncio.get_running_loop()
    first, second = open_gateway(), open_gateway()
    receiver.answer = lambda n: 200 if n else (asyncio.run_coroutine_threadsafe(held.wait(), loop).result(20) and 500)
    await first.add(receiver.url, EventKind.REGISTERED)
    try:
        async with first.running():
            await first.registry.register(register("a"))
            clock.advance(1)
            await until(lambda: len(receiver.requests) == 1)
        async with second.running():
            await until(lambda: keys(receiver.events) == ["a"])  # the clock stands still
    finally:
        held.set()


async def test_a_rotated_secret_signs_beside_the_old_one_until_the_overlap_is_over(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.REGISTERED)
    rotated = await gateway.webhooks.rotate(added.id, 100.0, ACTOR)
    assert rotated.secret != added.secret
    assert rotated.old_secret_ends_at == clock.now() + 100
    signed: list[list[str]] = []

    def secrets(_id: str, _body: bytes, found: list[str], _now: float) -> dict[str, str]:
        signed.append(found)
        return {}

    monkeypatch.setattr("registry_gateway.webhooks.signature.headers", secrets)
    async with gateway.running():
        await gateway.registry.register(register("a"))
        await passing(clock, lambda: len(receiver.events) == 1)
        clock.advance(100)
        await gateway.registry.register(register("b"))
        await passing(clock, lambda: len(receiver.events) == 2)
    assert signed == [[rotated.secret, added.secret], [rotated.secret]]
    assert (await gateway.webhook(added.id)).old_secret_ends_at is None
    assert (await gateway.webhooks.rotate(added.id, 0.0, ACTOR)).old_secret_ends_at is None


async def test_people_get_many_events_as_one_message_and_no_flood(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver
) -> None:
    gateway = open_gateway()
    await gateway.add(receiver.url, EventKind.REGISTERED, form=Format.SLACK)
    async with gateway.running():
        for number in range(40):
            await gateway.registry.register(register(f"s-{number}"))
        await asyncio.sleep(0.2)
        assert receiver.requests == [], "it did not wait for what happens together"
        clock.advance(1)
        await until(lambda: len(receiver.requests) == 1)
        assert receiver.requests[0].message["text"].startswith("40 services registered since ")
        await gateway.registry.register(register("later"))
        clock.advance(SLACK_INTERVAL - 1)
        await asyncio.sleep(0.2)
        assert len(receiver.requests) == 1
        clock.advance(1)
        await until(lambda: len(receiver.requests) == 2)
    assert "test/later registered at" in receiver.requests[1].message["text"]


async def test_a_log_that_has_lost_its_end_is_followed_from_there(
    open_gateway: OpenGateway, clock: ManualClock, receiver: Receiver
) -> None:
    gateway = open_gateway()
    added = await gateway.add(receiver.url, EventKind.REGISTERED)
    await gateway.store.write(lambda c: statements.advance(c, {added.id: (added.position, added.position + 1_000)}))
    async with gateway.running():
        await gateway.wait(added.id, lambda webhook: webhook.position < 1_000)
        await gateway.registry.register(register("a"))
        await passing(clock, lambda: keys(receiver.events) == ["a"])


async def test_administration_changes_what_it_says(
    open_gateway: OpenGateway, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MOST_WEBHOOKS", 2)
    gateway = open_gateway()
    added = await gateway.add(receiver.url)
    assert added.secret.startswith("whsec_")
    trial = await gateway.webhooks.test(added.id)
    assert (trial.delivered, trial.status, trial.error) == (True, 204, None)
    assert receiver.requests[0].message["type"] == "registry.test"
    await gateway.add(receiver.url)
    with pytest.raises(TooMany, match="limit"):
        await gateway.add(receiver.url)
    assert "127.0.0.1" in (await gateway.webhook(added.id)).url
    assert "/hook" not in (await gateway.webhook(added.id)).url
    assert (await gateway.webhooks.remove(added.id, ACTOR)).id == added.id
    for change in (
        gateway.webhooks.remove(added.id, ACTOR),
        gateway.webhooks.rotate(added.id, 1.0, ACTOR),
        gateway.webhooks.enable(added.id, ACTOR),
        gateway.webhooks.test(added.id),
        gateway.webhooks.deliveries(added.id),
    ):
        with pytest.raises(NotFound, match=f"no webhook {added.id}"):
            await change
    for event in await gateway.registry.events():
        assert "whsec_" not in str(event)
        assert "/hook" not in str(event)


@pytest.mark.parametrize(
    ("url", "error"),
    [("ftp://a", InvalidUrl), ("http://user:pw@example.org/", InvalidUrl), ("http://10.0.0.1/", UnusableUrl)],
)
async def test_a_url_that_can_not_be_used_is_refused(
    open_gateway: OpenGateway, url: str, error: type[Exception]
) -> None:
    gateway = open_gateway()
    with pytest.raises(error):
        await gateway.add(url)
    assert await gateway.registry.events() == []
