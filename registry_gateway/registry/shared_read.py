"""One reading for all callers that wait for the same thing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from registry_gateway.registry.group_commit import GroupCommit

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class SharedRead(Generic[Asked, Answered]):
    """A read that many can ask for at once: those who wait for the same thing share one reading of it.

    Every caller gets an answer that was read after it asked, so nobody sees less than its own writes. Different
    things are read beside one another, the same thing never is.
    """

    def __init__(self, read: Callable[[Asked], Awaitable[Answered]]) -> None:
        """Take the function that reads."""
        self._read = read
        self._asked: dict[Asked, GroupCommit[Asked, Answered]] = {}

    def __len__(self) -> int:
        """Return how many different things are being read."""
        return len(self._asked)

    async def submit(self, item: Asked) -> Answered:
        """Return what was read for `item`. Raises what reading it raised."""
        group = self._asked.get(item)
        if group is None:
            group = self._asked[item] = GroupCommit(self._once, idle=lambda: self._asked.pop(item))
        return await group.submit(item)

    async def _once(self, asked: Sequence[Asked]) -> Sequence[Answered]:
        return [await self._read(asked[0])] * len(asked)
