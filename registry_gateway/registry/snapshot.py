"""A snapshot: the services of all dialects at one moment, as people and programs look for them."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from registry_gateway.core.model import Registration
from registry_gateway.core.status import Status


class Moment(NamedTuple):
    """A point in the life of the registry: the last event's id, and the judging time in epoch seconds."""

    event: int
    now: float


class SnapshotEntry(msgspec.Struct, frozen=True):
    """A service, without its documents.

    `tools` are the names of its tools, each once. `last_event` is the id of the last event about it: who has seen that
    one has missed nothing. It is 0 if the log keeps none.
    """

    registration: Registration
    status: Status
    tools: Sequence[str]
    last_event: int


class Snapshot(NamedTuple):
    """The services by dialect and key, and the moment they were read at."""

    moment: Moment
    entries: Sequence[SnapshotEntry]
