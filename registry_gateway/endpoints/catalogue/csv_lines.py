"""Events as CSV (RFC 4180), for spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from registry_gateway.core.model import Event

MEDIA_TYPE = "text/csv"

COLUMNS = (
    "id",
    "time",
    "kind",
    "dialect",
    "key",
    "name",
    "version",
    "service_address",
    "actor",
    "client_address",
    "request_id",
    "reason",
    "detail",
)
"""The header line. `time` is RFC 3339 in UTC, `detail` JSON; the others are as in JSON."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def csv_lines(events: Sequence[Event]) -> Iterator[bytes]:
    """Yield the header line and a line for each event.

    An apostrophe precedes text that a spreadsheet would run as a formula, because services choose much of the text.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    yield _taken(buffer)
    for event in events:
        writer.writerow(map(_cell, _values(event)))
        yield _taken(buffer)


def _values(event: Event) -> Iterator[object]:
    for column in COLUMNS:
        if column == "time":
            yield datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        elif column == "detail":
            yield msgspec.json.encode(event.detail).decode() if event.detail else None
        else:
            yield getattr(event, column)


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()
