"""One gateway at a time delivers for a webhook: holds are raced for, end, and are lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from registry_gateway.core.model import EventKind
from registry_gateway.core.webhook import Format, Webhook
from registry_gateway.core.webhook_schedule import HOLD_SECONDS, MOST_PAUSE
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import webhooks as statements
from registry_gateway.store.statements.webhooks import Progress

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
GATEWAYS = 6
WEBHOOKS = 12


@pytest.fixture
async def stores(database_url: str) -> AsyncIterator[list[Store]]:
    """Several gateways' ways to one database."""
    opened = [Store(database_url) for _ in range(GATEWAYS)]
    yield opened
    for store in opened:
        await store.close()


async def add(store: Store, **changes: Any) -> Webhook:
    """Add a webhook."""
    webhook = Webhook(
        id=0,
        url="http://receiver/",
        format=Format.JSON,
        kinds=(EventKind.EXPIRED, EventKind.RECOVERED),
        dialect=None,
        secret="whsec_c2VjcmV0",
        created_at=NOW,
        position=3,
    )
    return await store.write(lambda c: statements.add(c, replace(webhook, **changes)))


async def take(store: Store, numbers: list[int], holder: str, now: float = NOW) -> list[int]:
    """Try to take webhooks; those that were taken."""
    return [one.webhook.id for one in await store.write(lambda c: statements.take(c, numbers, holder, now, 7))]


async def test_a_webhook_is_read_as_it_was_added(stores: list[Store]) -> None:
    added = await add(stores[0], dialect="chap", old_secret="whsec_b2xk", old_secret_ends_at=NOW + 1, skip_to=2**40)
    assert await stores[1].read(lambda c: statements.find(c, added.id)) == added
    assert await stores[1].read(statements.read) == [added]
    [taken] = await stores[1].write(lambda c: statements.take(c, [added.id], "a", NOW, 7))
    assert taken == (replace(added, pending_to=7), ())
    [again] = await stores[1].write(lambda c: statements.take(c, [added.id], "b", NOW + HOLD_SECONDS, 9))
    assert again.webhook.pending_to == 7, "the message that the other gateway may have sent must be made again"


async def test_each_webhook_is_taken_by_one_of_the_gateways_that_race_for_it(stores: list[Store]) -> None:
    numbers = [(await add(stores[0])).id for _ in range(WEBHOOKS)]
    now = NOW
    for _ in range(8):
        orders = [numbers if n % 2 else numbers[::-1] for n in range(GATEWAYS)]
        taken = await asyncio.gather(
            *(take(store, order, f"g{n}", now) for n, (store, order) in enumerate(zip(stores, orders, strict=True)))
        )
        everything = [number for some in taken for number in some]
        assert sorted(everything) == sorted(set(everything)), "one webhook was taken twice"
        rest = await take(stores[0], numbers, "late", now)  # what several of them skipped
        assert sorted(everything + rest) == numbers
        now += HOLD_SECONDS


async def test_a_hold_keeps_others_out_until_it_ends(stores: list[Store]) -> None:
    number = (await add(stores[0])).id
    assert await take(stores[0], [number], "a") == [number]
    assert await take(stores[1], [number], "b") == []
    assert await take(stores[1], [number], "b", NOW + HOLD_SECONDS - 0.01) == []
    assert await take(stores[1], [number], "b", NOW + HOLD_SECONDS) == [number]
    assert await take(stores[0], [number], "a", NOW + HOLD_SECONDS) == []


async def test_a_renewed_hold_lasts_longer_and_a_released_one_ends(stores: list[Store]) -> None:
    number, other = (await add(stores[0])).id, (await add(stores[0])).id
    await take(stores[0], [number], "a")
    await take(stores[1], [other], "b")
    assert await stores[0].write(lambda c: statements.renew(c, "a", NOW + 5)) == {number}
    assert await take(stores[1], [number], "b", NOW + HOLD_SECONDS) == []
    await stores[0].write(lambda c: statements.release(c, "a"))
    assert await take(stores[2], [number, other], "c", NOW + 1) == [number]


async def test_a_hold_of_before_a_clock_was_set_back_does_not_last(stores: list[Store]) -> None:
    number = (await add(stores[0], next_at=NOW + MOST_PAUSE)).id
    assert await take(stores[0], [number], "a", NOW) == []  # not due
    assert await take(stores[0], [number], "a", NOW + MOST_PAUSE) == [number]
    assert await take(stores[1], [number], "b", NOW - 1) == [number]


async def test_progress_is_stored_while_the_webhook_is_held_and_not_after(stores: list[Store]) -> None:
    first, second = await add(stores[0]), await add(stores[0])
    await take(stores[0], [first.id, second.id], "a")
    await take(stores[1], [first.id], "b", NOW + HOLD_SECONDS)
    moved = [Progress(replace(w, position=9, delivered_at=NOW), (), released=True) for w in (first, second)]
    assert await stores[0].write(lambda c: statements.save(c, moved, "a")) == [False, True]
    assert [w.position for w in await stores[0].read(statements.read)] == [3, 9]
    assert await take(stores[2], [first.id, second.id], "c", NOW + HOLD_SECONDS) == [second.id]


async def test_a_position_moves_only_from_where_it_was(stores: list[Store]) -> None:
    number = (await add(stores[0])).id
    await stores[0].write(lambda c: statements.advance(c, {number: (3, 7)}))
    await stores[1].write(lambda c: statements.advance(c, {number: (3, 5)}))
    assert [w.position for w in await stores[0].read(statements.read)] == [7]


async def test_disabled_webhooks_are_not_taken(stores: list[Store]) -> None:
    number = (await add(stores[0], disabled_at=NOW)).id
    assert await take(stores[0], [number], "a") == []
    assert await stores[0].read(lambda c: statements.enabled(c, "a", NOW)) == []


async def test_a_number_is_never_given_to_another_webhook(stores: list[Store]) -> None:
    first = (await add(stores[0])).id
    await stores[0].write(lambda c: statements.remove(c, first))
    assert (await add(stores[0])).id > first
