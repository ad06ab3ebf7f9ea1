"""A snapshot: the services of all dialects at one moment, in the terms of catalogue and discovery."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from registry_gateway.core.model import Registration
from registry_gateway.core.status import Status


class Moment(NamedTuple):
    """A state of the registry: the id of the last event, and the judging time in epoch seconds."""

    event: int
    now: float


class SnapshotEntry(msgspec.Struct, frozen=True):
    """A service, without its documents.

    `tools` are the names of its tools, without duplicates. `last_event` is the id of the last event about it; 0 if the
    log has none.
    """

    registration: Registration
    status: Status
    tools: Sequence[str]
    last_event: int


class Snapshot(NamedTuple):
    """The services by dialect and key, and the moment of the read."""

    moment: Moment
    entries: Sequence[SnapshotEntry]
