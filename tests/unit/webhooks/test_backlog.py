"""What is still to be delivered to a webhook."""

from collections.abc import Sequence
from typing import cast

import pytest
from msgspec.structs import replace

from registry_gateway.core.model import EventKind
from registry_gateway.registry.event_feed import EventFeed
from registry_gateway.webhooks.backlog import Backlog
from registry_gateway.webhooks.messages import Logged
from registry_gateway.webhooks.tail import Tail
from tests.unit.webhooks.test_messages import HOOK, ids, logged

pytestmark = pytest.mark.anyio


class Known(Tail):
    """A tail that has these events."""

    def __init__(self, *events: Logged) -> None:
        super().__init__(cast("EventFeed", None))  # nothing is read from it
        self.events = events

    async def read(self, position: int) -> Sequence[Logged]:
        """The events after the id `position`."""
        return [one for one in self.events if one.event.id > position]


async def test_what_another_gateway_has_delivered_is_not_taken_for_pending() -> None:
    """This gateway takes the webhook when it knows events up to 12, which the other one has delivered by then.

    A message with events after 12 could not be made again by the other gateway, so they must be made pending first.
    """
    backlog = Backlog(Known(logged(11), logged(12), logged(13), logged(14)))
    taken = replace(HOOK, position=12, pending_to=12)
    assert await backlog.message(taken) is None
    assert await backlog.waiting_since(replace(taken, pending_to=None)) == logged(13).event.at
    found = await backlog.message(replace(taken, pending_to=14))
    assert found is not None
    assert (ids(found.body), found.to) == ([13, 14], 14)


async def test_what_is_not_wanted_is_passed_up_to_what_is_pending() -> None:
    backlog = Backlog(Known(logged(11, EventKind.UPDATED), logged(13), logged(14)))
    taken = replace(HOOK, pending_to=12)
    assert await backlog.message(taken) is None
    assert backlog.position(taken) == 12
