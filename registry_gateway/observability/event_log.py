"""What has happened, said in the log: one line an event, once it is in the database."""

import logging
from collections.abc import Mapping, Sequence

from registry_gateway.core.model import Event
from registry_gateway.observability.log import Occurrences

TOGETHER = 16
"""Most events that are written to the log at once: few enough that their lines, of some 200 bytes, go through a pipe in
one piece (4 KiB), and don't get mixed up with those of another worker.
"""

log = logging.getLogger("registry_gateway.events")


def report(recorded: Sequence[Event]) -> None:
    """Log events that have been recorded."""
    for start in range(0, len(recorded), TOGETHER):
        log.info(Occurrences([(e.kind.value, _fields(e)) for e in recorded[start : start + TOGETHER]]))


def _fields(event: Event) -> Mapping[str, object]:
    return {
        "dialect": event.dialect or None,
        "key": event.key,
        "actor": event.actor,
        "client": event.client_address,
        "request_id": event.request_id,
        "reason": event.reason,
    }
