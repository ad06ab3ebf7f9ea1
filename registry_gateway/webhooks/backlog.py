"""The events that are still to be delivered to the webhooks of a process."""

import asyncio
from collections.abc import Container

from msgspec.structs import replace

from registry_gateway.core.errors import NotInLog
from registry_gateway.core.webhook import Webhook
from registry_gateway.webhooks import messages
from registry_gateway.webhooks.messages import Message
from registry_gateway.webhooks.tail import Tail

PACE_SECONDS = 0.005
"""Seconds between two messages of a process. A message takes 2 ms of its time; heartbeats are answered in between."""


class Backlog:
    """The events after the position of each webhook.

    It stores how far it has passed events that need no message, because a webhook does not want them or because this
    process has delivered them, so that they are looked at once.
    """

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._passed: dict[int, int] = {}
        self._composing = asyncio.Lock()

    async def waiting_since(self, webhook: Webhook) -> float | None:
        """Return the time of the oldest event that is to be delivered to a webhook; None if there is none.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        await asyncio.sleep(0)  # other work runs between two webhooks
        if webhook.skip_to is not None and webhook.skip_to > webhook.position:
            return webhook.created_at
        position = self.position(webhook)
        try:
            while logged := await self._tail.read(position):
                wanted = next((one.event.at for one in logged if webhook.wants(one.event)), None)
                if wanted is not None:
                    return wanted
                position = self._passed[webhook.id] = logged[-1].event.id
        except NotInLog as gap:
            return webhook.created_at if position < gap.first else None
        return None

    async def message(self, webhook: Webhook) -> Message | None:
        """Return the next message for a webhook; None if there is none. There are `PACE_SECONDS` between two messages.

        Raises:
            StoreUnavailable: The database cannot be reached.
        """
        async with self._composing:
            await asyncio.sleep(PACE_SECONDS)
            return await self._message(webhook)

    async def _message(self, webhook: Webhook) -> Message | None:
        if webhook.skip_to is not None and webhook.skip_to > webhook.position:
            return messages.of_missing(webhook, webhook.skip_to, disabled=True)
        position = self.position(webhook)
        try:
            while logged := await self._tail.read(position):
                message = messages.of_events(webhook, logged)
                if message is not None:
                    return message
                last = logged[-1].event.id
                end = last if webhook.pending_to is None else min(last, webhook.pending_to)
                position = self._passed[webhook.id] = max(position, end)
                if end < last:  # another gateway has delivered what was pending; what follows has to be made pending
                    return None
        except NotInLog as gap:
            if position < gap.first:
                return messages.of_missing(replace(webhook, position=position), gap.first - 1, disabled=False)
        return None

    def position(self, webhook: Webhook) -> int:
        """Return the id of the last event that needs no message."""
        return max(webhook.position, self._passed.get(webhook.id, 0))

    def passed(self, webhook: Webhook, to: int) -> None:
        """Note that all that a webhook wants up to the event `to` is delivered."""
        self._passed[webhook.id] = max(self.position(webhook), to)

    def forget(self, webhook: Webhook) -> None:
        """Look again at all events after the position of a webhook."""
        self._passed.pop(webhook.id, None)

    def keep(self, numbers: Container[int]) -> None:
        """Forget all webhooks but those in `numbers`."""
        self._passed = {number: to for number, to in self._passed.items() if number in numbers}
