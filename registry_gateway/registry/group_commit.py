"""Group commit: what arrives while a batch is worked on waits for the next one and shares it.

The same is done for reads. There is no timer. A lone request is worked on at once; under load
a batch grows to what one transaction takes, so the cost of a transaction is divided by the number of callers who
wait for it. Each caller is answered after its own batch, with its own outcome.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from registry_gateway.core.deadlines import ANSWER_WITHIN
from registry_gateway.core.errors import (
    INTERRUPTED,
    SLOW,
    OutcomeUnknown,
    Overloaded,
    RegistryError,
    StoreUnavailable,
    Unstorable,
)

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

BATCH = 512
"""Most items in one batch: bounds the time a batch takes, and so the wait of the next."""

ROUNDS = 2
"""Rounds of the event loop from a request's arrival to its `submit`: one to read it, one to run its handler.

With one more, those who were just answered would catch the batch that is being gathered, and all callers go in step:
then the gateway waits for them, and they for it. That was slower, most of all with a new connection each.
"""

QUEUE = 10_000
"""Most items waiting for their batch; beyond it a caller is told to come back."""


LOOK_SECONDS = 0.5
"""Seconds between two looks for callers that have waited too long. One timer serves all of them."""

_BEHIND = "the database does not answer; this request was not taken, nothing was changed"
_TAKEN = "the database does not answer; the outcome of this request is not known"


_Waiting = tuple[Asked, asyncio.Future[Answered], float]
"""What is asked, where the answer goes, and when it was asked, in seconds of the event loop."""


class GroupCommit(Generic[Asked, Answered]):
    """Gathers what is asked into batches and hands one batch at a time to `work`."""

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answered | RegistryError]]],
        *,
        batch: int = BATCH,
        queue: int = QUEUE,
        observe: Callable[[int], None] | None = None,
        idle: Callable[[], object] | None = None,
        writing: bool = False,
    ) -> None:
        """Take the function that works on a batch.

        Args:
            work: Returns one answer for each item, in order; an error among them is raised in the caller it
                belongs to. If it raises, every caller of that batch gets the error, and no other.
            batch: Most items in one batch.
            queue: Most items waiting.
            observe: Told the size of each batch that is taken.
            idle: Called when nobody waits any longer, whether or not those who asked stayed for their answers.
            writing: Whether `work` changes anything, so that not to know its end is another thing than a failure.
        """
        self._work = work
        self._idle = idle
        self._observe = observe
        self._batch = batch
        self._queue_limit = queue
        self._late: type[StoreUnavailable] = OutcomeUnknown if writing else StoreUnavailable
        self._waiting: list[_Waiting[Asked, Answered]] = []
        self._taken: Sequence[_Waiting[Asked, Answered]] = ()
        self._withdrawn = False
        self._look: asyncio.TimerHandle | None = None
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, item: Asked) -> Answered:
        """Return the answer to `item` once its batch is done: for a write, once it is committed.

        Raises:
            Overloaded: Too many are waiting already; this one was not taken.
            StoreUnavailable: The batch failed, or was not begun within `ANSWER_WITHIN`; nothing of it is in the
                database.
            OutcomeUnknown: A batch that writes was not done within `ANSWER_WITHIN` of the call.
            RegistryError: The item was refused.
        """
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded(f"{self._queue_limit} requests are waiting already; try again shortly")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answered] = loop.create_future()
        self._waiting.append((item, future, loop.time()))
        if self._worker is None:
            self._worker = asyncio.create_task(self._run(), name="group commit")
            if self._look is None:
                self._look = loop.call_later(LOOK_SECONDS, self._answer_late)
        try:
            return await future
        except asyncio.CancelledError as cancelled:
            if any(taken is future for _, taken, _ in self._taken):
                if self._late is OutcomeUnknown:
                    cancelled.add_note(INTERRUPTED)
            else:
                self._withdrawn = True  # it is not to be taken any longer
            raise

    @property
    def waiting(self) -> int:
        """How many items wait for their batch."""
        return len(self._waiting)

    async def drain(self) -> None:
        """Return when everything taken so far is done and answered."""
        while self._worker is not None:
            await asyncio.wait([self._worker])  # awaiting it: a drain cut short would cancel the work

    async def stop(self) -> None:
        """Give up the batch that is worked on, if there is one; who waits is answered."""
        worker = self._worker
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])

    def _answer_late(self) -> None:
        """Answer those who have waited for `ANSWER_WITHIN`, and take them off the queue."""
        self._look = None
        if self._worker is None:
            return
        loop = asyncio.get_running_loop()
        arrived = loop.time() - ANSWER_WITHIN
        late = next((n for n, (_, _, at) in enumerate(self._waiting) if at > arrived), len(self._waiting))
        overdue, self._waiting = self._waiting[:late], self._waiting[late:]
        _fail([future for _, future, _ in overdue], StoreUnavailable, _BEHIND)
        _fail([future for _, future, at in self._taken if at <= arrived], self._late, _TAKEN)
        self._look = loop.call_later(LOOK_SECONDS, self._answer_late)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
                if self._withdrawn:
                    batch = [waiting for waiting in batch if not waiting[1].done()]
                    self._withdrawn = bool(self._waiting)
                if not batch:
                    continue
                self._taken = batch
                if self._observe is not None:
                    self._observe(len(batch))
                await self._answer(batch)
        finally:
            _fail([future for _, future, _ in self._waiting], StoreUnavailable, _BEHIND)  # none, unless it was stopped
            _fail([future for _, future, _ in self._taken], self._late, _TAKEN)
            self._waiting, self._taken = [], ()
            self._worker = None
            if self._idle is not None:
                self._idle()

    async def _gather(self) -> None:
        """Let in who is at the door: go round the event loop for as long as each round brings someone.

        The callers of the batch before come back just when the next one starts; without this it would start with
        the first of them, and the others wait for two. No time is waited: an idle loop goes round in microseconds.
        """
        seen = 0
        while seen < len(self._waiting) < self._batch:
            seen = len(self._waiting)
            for _ in range(ROUNDS):
                await asyncio.sleep(0)

    async def _answer(self, batch: Sequence[_Waiting[Asked, Answered]]) -> None:
        try:
            answers: Sequence[Answered | RegistryError | Exception] = await self._work([item for item, _, _ in batch])
        except StoreUnavailable as error:
            answers = [
                type(error)(str(error), error.cause) for _ in batch
            ]  # one each: raising adds to an error's traceback
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future, _), answer in zip(batch, answers, strict=True):
            if future.done():  # the client has gone, or was answered
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


def _fail(futures: Iterable[asyncio.Future[Answered]], kind: type[StoreUnavailable], message: str) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(kind(message, SLOW))


async def apart(
    work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answered | RegistryError]]], items: Sequence[Asked]
) -> Sequence[Answered | RegistryError]:
    """Return what `work` answers to `items`. If the database takes no such values, each is worked on by itself.

    One bad value spoils the statement for all of a batch. Only the item that has it is answered with `Unstorable`. If
    the database fails on the way, the items before are done, and those behind were not begun.
    """
    try:
        return await work(items)
    except Unstorable as error:
        if len(items) == 1:
            return [error]
    answers: list[Answered | RegistryError] = []
    for number, item in enumerate(items, start=1):
        try:
            answers += await work([item])
        except Unstorable as error:
            answers.append(error)
        except StoreUnavailable as error:
            return [*answers, error, *(StoreUnavailable(str(error), error.cause) for _ in items[number:])]
    return answers
