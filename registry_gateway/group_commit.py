"""Group commit: what arrives while a commit runs waits for the next one and shares it.

There is no timer. A lone request is committed at once; under load a batch grows to what one commit takes, so
the cost of a commit is divided by the number of callers who wait for it. Each caller is answered after its own
commit, with its own outcome.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from registry_gateway.errors import Overloaded, RegistryError, StoreUnavailable

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")

BATCH = 512
"""Most commands in one commit: bounds the time a commit takes, and so the wait of the next."""

QUEUE = 10_000
"""Most commands waiting for their commit; beyond it a caller is told to come back."""


class GroupCommit(Generic[Asked, Answered]):
    """Gathers commands into batches and hands one batch at a time to `commit`."""

    def __init__(
        self,
        commit: Callable[[Sequence[Asked]], Awaitable[Sequence[Answered | RegistryError]]],
        *,
        batch: int = BATCH,
        queue: int = QUEUE,
    ) -> None:
        """Take the function that does a batch in one transaction.

        Args:
            commit: Returns one answer for each command, in order; an error among them is raised in the caller
                it belongs to. If it raises, every caller of that batch gets the error, and no other.
            batch: Most commands in one commit.
            queue: Most commands waiting.
        """
        self._commit = commit
        self._batch = batch
        self._queue_limit = queue
        self._waiting: list[tuple[Asked, asyncio.Future[Answered]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, command: Asked) -> Answered:
        """Return the outcome of `command` once it is committed.

        Raises:
            Overloaded: Too many commands are waiting already; this one was not taken.
            StoreUnavailable: The commit failed; nothing of this command is in the database.
            RegistryError: The command was refused.
        """
        if len(self._waiting) >= self._queue_limit:
            raise Overloaded(f"{self._queue_limit} writes are waiting already; try again shortly")
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting.append((command, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="group-commit")
        return await future

    async def drain(self) -> None:
        """Return when everything taken so far is committed and answered."""
        while self._worker is not None:
            await self._worker

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._batch], self._waiting[self._batch :]
                await self._answer(batch)
        finally:
            self._worker = None

    async def _answer(self, batch: Sequence[tuple[Asked, asyncio.Future[Answered]]]) -> None:
        try:
            answers: Sequence[Answered | RegistryError | Exception] = await self._commit([c for c, _ in batch])
        except StoreUnavailable as error:
            answers = [type(error)(str(error)) for _ in batch]  # one each: raising adds to an error's traceback
        except Exception as error:
            answers = [error] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():  # the client has gone
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
