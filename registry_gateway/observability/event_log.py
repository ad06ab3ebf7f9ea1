"""Committed events in the log, one line per event."""

import logging
from collections.abc import Mapping, Sequence

from registry_gateway.core.model import Event
from registry_gateway.observability.log import Occurrences

MOST_TOGETHER = 16
"""Maximum number of events written to the log at once. Their lines, of about 200 bytes, then fit into one write to a
pipe (4 KiB) and are not mixed with those of another worker.
"""

log = logging.getLogger("registry_gateway.events")


def report(recorded: Sequence[Event]) -> None:
    """Log events that have been committed."""
    for start in range(0, len(recorded), MOST_TOGETHER):
        log.info(Occurrences([(e.kind.value, _fields(e)) for e in recorded[start : start + MOST_TOGETHER]]))


def _fields(event: Event) -> Mapping[str, object]:
    return {
        "dialect": event.dialect or None,
        "key": event.key,
        "actor": event.actor,
        "client": event.client_address,
        "request_id": event.request_id,
        "reason": event.reason,
    }
