"""A bad value in a batch: every item gets the answer that is true of it."""

from collections.abc import Sequence

import pytest

from registry_gateway.core.errors import OutcomeUnknown, RegistryError, StoreUnavailable, Unstorable
from registry_gateway.registry.group_commit import apart

pytestmark = pytest.mark.anyio


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
