"""What has happened, said in the log: one line an event, once it is in the database."""

import logging
from collections.abc import Sequence

from registry_gateway.model import Event

log = logging.getLogger("registry_gateway.events")


def report(recorded: Sequence[Event]) -> None:
    """Log events that have been recorded."""
    for event in recorded:
        log.info(
            event.kind.value,
            extra={
                "dialect": event.dialect or None,
                "key": event.key,
                "actor": event.actor,
                "address": event.address,
                "request_id": event.request_id,
                "reason": event.reason,
            },
        )
