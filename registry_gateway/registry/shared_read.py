"""One reading for all callers that wait for the same thing."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from registry_gateway.registry.group_commit import GroupCommit

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class SharedRead(Generic[Asked, Answered]):
    """A read shared by all callers that wait for the same item.

    Each caller gets an answer that was read after its request, so it always sees its own writes. Different items are
    read concurrently, the same item is not.
    """

    def __init__(self, read: Callable[[Asked], Awaitable[Answered]]) -> None:
        """`read` returns the answer to an item."""
        self._read = read
        self._asked: dict[Asked, GroupCommit[Asked, Answered]] = {}

    def __len__(self) -> int:
        """Return the number of items being read."""
        return len(self._asked)

    async def submit(self, item: Asked) -> Answered:
        """Return the answer to `item`. Raises what `read` raises."""
        group = self._asked.get(item)
        if group is None:
            group = self._asked[item] = GroupCommit(self._once, idle=lambda: self._asked.pop(item))
        return await group.submit(item)

    async def _once(self, asked: Sequence[Asked]) -> Sequence[Answered]:
        return [await self._read(asked[0])] * len(asked)
