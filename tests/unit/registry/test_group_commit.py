"""Group commit: who shares a commit, and what each of them is told."""

import asyncio
import gc
import weakref
from collections.abc import Sequence
from copy import copy

import anyio
import pytest
from anyio.lowlevel import checkpoint

from registry_gateway.core.errors import (
    INTERRUPTED,
    NotOwner,
    OutcomeUnknown,
    Overloaded,
    RegistryError,
    StoreUnavailable,
    Unstorable,
)
from registry_gateway.registry import group_commit as group_commit_module
from registry_gateway.registry.group_commit import GroupCommit, apart
from registry_gateway.registry.shared_read import SharedRead

pytestmark = pytest.mark.anyio

Answers = Sequence[str | RegistryError]


class Database:
    """A commit function that waits to be let through, one batch after the other."""

    def __init__(self, *, open_: bool = False) -> None:
        self.batches: list[list[str]] = []
        self.started = asyncio.Event()
        self._gate = asyncio.Semaphore(1_000_000 if open_ else 0)
        self.failure: Exception | None = None

    async def commit(self, commands: Sequence[str]) -> Answers:
        self.batches.append(list(commands))
        self.started.set()
        await self._gate.acquire()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return [NotOwner(c) if c.startswith("foreign") else f"did {c}" for c in commands]

    def let_through(self) -> None:
        """Let one commit end."""
        self.started.clear()
        self._gate.release()


async def submitted(group_commit: GroupCommit[str, str], *commands: str) -> list[asyncio.Task[str]]:
    """Start a caller for each command and return once all are waiting."""
    tasks = [asyncio.create_task(group_commit.submit(command)) for command in commands]
    await checkpoint()
    return tasks


async def test_a_lone_command_is_committed_at_once() -> None:
    database = Database(open_=True)
    assert await GroupCommit[str, str](database.commit).submit("a") == "did a"
    assert database.batches == [["a"]]


async def test_what_comes_while_a_commit_runs_shares_the_next_one() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit)
    first = await submitted(group_commit, "a")
    await database.started.wait()
    others = await submitted(group_commit, "b", "c", "d")
    database.let_through()
    assert await first[0] == "did a"
    await database.started.wait()
    assert not any(task.done() for task in others)
    database.let_through()
    assert await asyncio.gather(*others) == ["did b", "did c", "did d"]
    assert database.batches == [["a"], ["b", "c", "d"]]


async def test_each_caller_gets_its_own_outcome_or_error() -> None:
    database = Database(open_=True)
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit)
    tasks = await submitted(group_commit, "a", "foreign b", "c", "foreign d")
    a, b, c, d = await asyncio.gather(*tasks, return_exceptions=True)
    assert (a, c) == ("did a", "did c")
    assert isinstance(b, NotOwner)
    assert isinstance(d, NotOwner)
    assert (str(b), str(d)) == ("foreign b", "foreign d")


async def test_a_batch_has_a_largest_size() -> None:
    database = Database(open_=True)
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit, batch=3)
    tasks = await submitted(group_commit, *"abcdefgh")
    assert await asyncio.gather(*tasks) == [f"did {c}" for c in "abcdefgh"]
    assert "".join("".join(batch) for batch in database.batches) == "abcdefgh"
    assert max(map(len, database.batches)) == 3


async def test_a_failed_commit_fails_its_callers_and_nobody_else() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit)
    database.failure = StoreUnavailable("the database is gone")
    doomed = await submitted(group_commit, "a", "b")
    await database.started.wait()
    later = await submitted(group_commit, "c")
    database.let_through()
    failures = await asyncio.gather(*doomed, return_exceptions=True)
    assert [(type(f), str(f)) for f in failures] == [(StoreUnavailable, "the database is gone")] * 2
    assert failures[0] is not failures[1]
    database.let_through()
    assert await later[0] == "did c"


async def test_an_unforeseen_error_reaches_the_callers_and_the_next_batch_works() -> None:
    database = Database(open_=True)
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit)
    database.failure = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await group_commit.submit("a")
    assert await group_commit.submit("b") == "did b"


async def test_beyond_its_queue_a_command_is_refused_and_not_taken() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit, queue=2)
    running = await submitted(group_commit, "a")
    await database.started.wait()
    waiting = await submitted(group_commit, "b", "c")
    with pytest.raises(Overloaded):
        await group_commit.submit("d")
    database.let_through()
    database.let_through()
    assert await asyncio.gather(*running, *waiting) == ["did a", "did b", "did c"]
    database.let_through()
    assert await group_commit.submit("e") == "did e"
    assert database.batches == [["a"], ["b", "c"], ["e"]]


async def test_a_caller_that_gives_up_spoils_nothing_for_the_others() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit)
    running = await submitted(group_commit, "a")
    await database.started.wait()
    waiting = await submitted(group_commit, "b", "c")
    running[0].cancel()
    waiting[0].cancel()
    await asyncio.gather(running[0], waiting[0], return_exceptions=True)
    database.let_through()
    database.let_through()
    assert await waiting[1] == "did c"
    assert running[0].cancelled()
    assert waiting[0].cancelled()


async def test_a_caller_that_gives_up_while_its_commit_fails_is_not_missed() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit)
    database.failure = StoreUnavailable("gone")
    tasks = await submitted(group_commit, "a", "b")
    await database.started.wait()
    tasks[0].cancel()
    database.let_through()
    with pytest.raises(StoreUnavailable):
        await tasks[1]


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits longer than a moment."""
    monkeypatch.setattr(group_commit_module, "ANSWER_WITHIN", 0.1)
    monkeypatch.setattr(group_commit_module, "LOOK_SECONDS", 0.02)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(("writing", "taken"), [(True, OutcomeUnknown), (False, StoreUnavailable)])
async def test_a_caller_that_waits_too_long_gets_what_is_known(writing: bool, taken: type[StoreUnavailable]) -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit, writing=writing)
    running = await submitted(group_commit, "a")
    await database.started.wait()
    waiting = await submitted(group_commit, "b", "c")
    outcomes = await asyncio.gather(*running, *waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [taken, StoreUnavailable, StoreUnavailable]
    database.let_through()
    later = await submitted(group_commit, "d")
    database.let_through()
    assert await later[0] == "did d"
    assert database.batches == [["a"], ["d"]], "what was refused as not taken was taken"


async def test_a_caller_cancelled_while_its_commit_runs_learns_that_it_may_be_done() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit, writing=True)
    notes: dict[str, list[str]] = {}

    async def call(command: str) -> None:
        try:
            await group_commit.submit(command)
        except asyncio.CancelledError as cancelled:
            notes[command] = getattr(cancelled, "__notes__", [])
            raise

    running = asyncio.create_task(call("a"))
    await database.started.wait()
    waiting = asyncio.create_task(call("b"))
    await checkpoint()
    running.cancel()
    waiting.cancel()
    await asyncio.wait([running, waiting])
    assert notes == {"a": [INTERRUPTED], "b": []}
    database.let_through()
    await group_commit.drain()
    assert database.batches == [["a"]]


async def test_a_batch_that_is_given_up_leaves_nobody_waiting() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit, writing=True)
    running = await submitted(group_commit, "a")
    await database.started.wait()
    waiting = await submitted(group_commit, "b")
    await group_commit.stop()
    outcomes = await asyncio.gather(*running, *waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, StoreUnavailable]


async def test_drain_returns_when_everything_taken_is_answered() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit, batch=1)
    tasks = await submitted(group_commit, "a", "b")
    await database.started.wait()
    draining = asyncio.create_task(group_commit.drain())
    await checkpoint()
    assert not draining.done()
    database.let_through()
    assert await tasks[0] == "did a"
    assert not draining.done()
    database.let_through()
    await draining
    assert tasks[1].result() == "did b"


async def test_draining_an_idle_one_returns_at_once() -> None:
    database = Database()
    with anyio.fail_after(5):
        await GroupCommit[str, str](database.commit).drain()
    assert database.batches == []


async def test_a_drain_that_is_cut_short_leaves_the_commit_alone() -> None:
    database = Database()
    group_commit: GroupCommit[str, str] = GroupCommit(database.commit)
    tasks = await submitted(group_commit, "a")
    await database.started.wait()
    draining = asyncio.create_task(group_commit.drain())
    await checkpoint()
    draining.cancel()
    await asyncio.gather(draining, return_exceptions=True)
    database.let_through()
    with anyio.fail_after(5):
        assert await tasks[0] == "did a"


async def test_a_shared_read_is_forgotten_also_if_nobody_stayed_for_its_answer() -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def read(_asked: str) -> None:
        begun.set()
        await gate.wait()

    shared = SharedRead(read)
    asking = asyncio.create_task(shared.submit("a"))
    await begun.wait()
    asking.cancel()
    await asyncio.wait([asking])
    assert len(shared) == 1
    gate.set()
    for _ in range(10):
        await checkpoint()
    assert len(shared) == 0


async def test_the_same_thing_is_never_read_twice_at_once() -> None:
    reading, most = 0, 0

    async def read(_asked: str) -> None:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0.001)
        reading -= 1

    shared = SharedRead(read)

    async def ask() -> None:
        for _ in range(5):
            await shared.submit("a")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(20):
            tasks.create_task(ask())
    assert most == 1


# --- a bad value in a batch: every item gets the answer that is true of it


class Table:
    """What a database holds. It takes no negative values, and works until it has `most`."""

    def __init__(self, most: int, failure: type[StoreUnavailable] = StoreUnavailable) -> None:
        """Start empty."""
        self.rows: list[int] = []
        self._most = most
        self._failure = failure
        self.asked = 0

    async def add(self, values: Sequence[int]) -> Sequence[int | RegistryError]:
        """Add values, all of them or none."""
        self.asked += 1
        if min(values) < 0:
            raise Unstorable("negative")
        if len(self.rows) + len(values) > self._most:
            raise self._failure("the disk is full")
        self.rows += values
        return values


async def test_only_the_bad_one_is_refused() -> None:
    table = Table(most=10)
    first, bad, last = await apart(table.add, [1, -1, 2])
    assert (first, last, table.rows) == (1, 2, [1, 2])
    assert isinstance(bad, Unstorable)


@pytest.mark.parametrize("failure", [StoreUnavailable, OutcomeUnknown])
async def test_what_was_done_before_a_failure_is_answered_as_done(failure: type[StoreUnavailable]) -> None:
    table = Table(most=1, failure=failure)
    done, bad, failed, *behind = await apart(table.add, [1, -1, 2, 3, 4])
    assert (done, table.rows) == (1, [1])
    assert isinstance(bad, Unstorable)
    assert type(failed) is failure
    assert [type(answer) for answer in behind] == [StoreUnavailable, StoreUnavailable]
    assert table.asked == 4  # a database that fails is not asked for the rest


class Bug(Exception):
    """An error that is not expected."""


@pytest.mark.parametrize("failure", [Overloaded("full"), StoreUnavailable("away"), Bug("of ours")])
async def test_an_error_is_freed_without_the_garbage_collector(failure: Exception) -> None:
    """Thousands of refusals in a second would keep it busy, and all requests wait for it."""
    failed: list[weakref.ref[BaseException]] = []

    async def refuse(_items: Sequence[str]) -> Answers:
        raise copy(failure)

    async def ask() -> None:
        reads = SharedRead[str, str](lambda item: GroupCommit(refuse).submit(item))
        try:
            await reads.submit("a")
        except type(failure) as error:
            failed.append(weakref.ref(error))

    gc.disable()
    try:
        await asyncio.gather(ask(), ask())
        await checkpoint()
        assert len(failed) == 2
        assert [error() for error in failed] == [None, None]
    finally:
        gc.enable()
