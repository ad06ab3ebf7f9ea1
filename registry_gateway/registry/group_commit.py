"""Group commit: requests that arrive during a batch wait for the next batch and share it. Reads use the same mechanism.

There is no timer. A single request is processed at once. Under load a batch grows with the duration of a transaction,
so its cost is divided by the number of waiting callers. Each caller is answered after its own batch, with its own
outcome.
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
"""Maximum number of items in one batch. It limits the duration of a batch, and so the wait for the next one."""

ROUNDS = 2
"""Rounds of the event loop from a request's arrival to its `submit`: one to read it, one to run its handler.

With one more round, callers that were just answered would join the batch being gathered, and all callers would move in
step, with the gateway and the callers waiting for each other. That was slower, especially with new connections.
"""

QUEUE = 10_000
"""Maximum number of waiting items; beyond it callers are refused with `Overloaded`."""


LOOK_SECONDS = 0.5
"""Seconds between two checks for callers that have waited too long. One timer serves all of them."""

_BEHIND = "the database does not answer; this request was not taken, nothing was changed"
_TAKEN = "the database does not answer; the outcome of this request is not known"


_Waiting = tuple[Asked, asyncio.Future[Answered], float]
"""The item, the future of its answer, and the time of the request in seconds of the event loop."""


class GroupCommit(Generic[Asked, Answered]):
    """Gathers items into batches and passes one batch at a time to `work`."""

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
        """Start no task yet.

        Args:
            work: Returns one answer per item, in order; an error among them is raised in the caller of that item. If it
                raises, all callers of that batch, and only they, get the error.
            batch: Maximum number of items in one batch.
            queue: Maximum number of waiting items.
            observe: Called with the size of each batch.
            idle: Called when no item is waiting any longer, even if callers were cancelled.
            writing: Whether `work` writes, so that an unfinished batch has an unknown outcome instead of having failed.
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
        """Return the answer to `item` once its batch is done: for a write, after the commit.

        Raises:
            Overloaded: The queue is full; the item was not accepted.
            StoreUnavailable: The batch failed, or was not started within `ANSWER_WITHIN`; nothing of it is in the
                database.
            OutcomeUnknown: A batch that writes was not finished within `ANSWER_WITHIN` of the call.
            RegistryError: The item was refused.
        """
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded(f"The queue is full ({self._queue_limit} requests are waiting); try again shortly")
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
                self._withdrawn = True  # removed from the queue before the next batch
            raise
        finally:
            del future  # else its error refers to this frame, and the frame to the error: work for the collector

    @property
    def waiting(self) -> int:
        """The number of items that wait for their batch."""
        return len(self._waiting)

    async def drain(self) -> None:
        """Return when all items accepted so far are done and answered."""
        while self._worker is not None:
            await asyncio.wait([self._worker])  # `await self._worker` would cancel the work with the drain

    async def stop(self) -> None:
        """Abandon the current batch, if there is one; waiting callers are answered."""
        worker = self._worker
        if worker is not None:
            worker.cancel()
            await asyncio.wait([worker])

    def _answer_late(self) -> None:
        """Answer callers that have waited for `ANSWER_WITHIN`, and remove them from the queue."""
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
            _fail([future for _, future, _ in self._waiting], StoreUnavailable, _BEHIND)  # only after `stop`
            _fail([future for _, future, _ in self._taken], self._late, _TAKEN)
            self._waiting, self._taken = [], ()
            self._worker = None
            if self._idle is not None:
                self._idle()

    async def _gather(self) -> None:
        """Yield until no further request arrives: run the event loop for as long as each round brings one.

        The callers of the previous batch send their next request just as a new batch starts. Without this the batch
        would start with the first of them, and the others would wait for two batches. A round of an idle loop takes
        microseconds.
        """
        seen = 0
        while seen < len(self._waiting) < self._batch:
            seen = len(self._waiting)
            for _ in range(ROUNDS):
                await asyncio.sleep(0)

    async def _answer(self, batch: Sequence[_Waiting[Asked, Answered]]) -> None:
        try:
            answers = await self._work([item for item, _, _ in batch])
        except StoreUnavailable as error:  # a copy for each, as raising adds to an error's traceback
            _settle(batch, [type(error)(str(error), error.cause) for _ in batch])
        except Exception as error:
            _settle(batch, [error] * len(batch))
        else:
            _settle(batch, answers)
        finally:
            del batch  # as in `submit`


def _settle(
    batch: Sequence[_Waiting[Asked, Answered]], answers: Sequence[Answered | RegistryError | Exception]
) -> None:
    for (_, future, _), answer in zip(batch, answers, strict=True):
        if future.done():  # cancelled, or answered already
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
    """Return the answers of `work` to `items`. If the database rejects values, each item is processed by itself.

    One bad value fails the statement of a whole batch. Only the item with that value is answered with `Unstorable`. If
    the database fails on the way, the items before are done, and those after were not started.
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
