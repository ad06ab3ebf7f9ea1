"""Long bodies: made and sent in pieces, with rests in which others have their turn."""

import asyncio
from collections.abc import Iterator
from time import perf_counter

import pytest
from starlette.types import Message

from registry_gateway.http.answer import Answer, Long, body_answer
from registry_gateway.http.rendered import PIECE_BYTES, Rendered, render
from registry_gateway.registry.pacing import HOLD_SECONDS, paced

pytestmark = pytest.mark.anyio

STEP = HOLD_SECONDS / 4


def slow(steps: int) -> Iterator[bytes]:
    """Steps that keep the processor busy for a while each."""
    for _ in range(steps):
        began = perf_counter()
        while perf_counter() - began < STEP:
            pass
        yield b"x"


async def turns_of_others(work: asyncio.Task[object]) -> int:
    """How often somebody else has its turn before `work` is done."""
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


async def test_others_have_their_turn_while_a_list_is_made() -> None:
    work = asyncio.create_task(render(slow(100)))
    turns = await turns_of_others(work)
    assert turns >= 100 * STEP / HOLD_SECONDS / 2
    assert work.result().pieces == (b"x" * 100,)


async def test_what_takes_no_time_is_done_at_once() -> None:
    work = asyncio.create_task(render([b"1", b"", b"2"]))
    assert await turns_of_others(work) <= 2
    assert work.result().pieces == (b"12",)


async def test_what_is_done_with_each_step_counts_as_well() -> None:
    async def consume() -> None:
        async for _ in paced(range(10)):
            next(slow(10))
            next(slow(10))
            next(slow(10))
            next(slow(10))
            next(slow(10))

    assert await turns_of_others(asyncio.create_task(consume())) > 10


@pytest.mark.parametrize("parts", [[], [b"a"], [b"ab"] * 100_000, [b"x" * (3 * PIECE_BYTES), b"y"]])
async def test_pieces_are_the_body_and_have_its_tag(parts: list[bytes]) -> None:
    rendered = await render(parts)
    whole = b"".join(parts)
    assert b"".join(rendered.pieces) == whole
    assert rendered.etag == Rendered(whole).etag
    assert len(rendered.pieces) <= 1 + len(whole) // PIECE_BYTES


async def test_a_long_answer_leaves_in_pieces() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    answer = body_answer(Rendered(b"ab", b"cd", b"e"), b"text/plain", {"X": "y"})
    assert isinstance(answer, Long)
    await answer.send({}, send)
    start, *bodies = sent
    assert dict(start["headers"]) == {b"content-length": b"5", b"content-type": b"text/plain", b"x": b"y"}
    assert [(m["body"], m.get("more_body", False)) for m in bodies] == [
        (b"ab", True),
        (b"cd", True),
        (b"e", True),
        (b"", False),
    ]
    assert type(body_answer(Rendered(b"abc"))) is Answer
