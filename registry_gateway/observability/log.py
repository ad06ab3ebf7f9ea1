"""The log: one line per occurrence, as text or JSON, with searchable fields."""

import json
import logging
import logging.config
import re
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from registry_gateway.observability.masking import masked
from registry_gateway.observability.printable import escaped, printable, quoted

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {k: v for k, v in vars(record).items() if k not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=8)  # a busy gateway writes thousands of lines in the same second
def _second(epoch: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch))


class Occurrences:
    """The message of a record for several occurrences: the message and the fields of each.

    Creating, passing on and writing a record costs more than formatting its line. So the events of one commit are one
    record, with one line per event.
    """

    def __init__(self, each: Sequence[tuple[str, Mapping[str, object]]]) -> None:
        self.each = each

    def __str__(self) -> str:
        """Return all messages as one, for formatters that expect a single message."""
        return "; ".join(_text(message, fields) for message, fields in self.each)


def _occurrences(record: logging.LogRecord) -> Sequence[tuple[str, Mapping[str, object]]]:
    if isinstance(record.msg, Occurrences):
        return record.msg.each
    return [(record.getMessage(), _fields(record))]


class TextFormatter(logging.Formatter):
    """Formats records as `time LEVEL logger: message key=value ...`; values are quoted if needed."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record, with an indented traceback if it has one. Only records begin at the left
        margin.
        """
        head = f"{_time(record)} {record.levelname:<7} {record.name}: "
        lines = [head + _text(message, fields) for message, fields in _occurrences(record)]
        if record.exc_info:
            lines += ["  " + printable(line) for line in self.formatException(record.exc_info).split("\n")]
        return "\n".join(map(masked, lines))


class JsonFormatter(logging.Formatter):
    """Formats records as one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the objects of a record, one per line."""
        content: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        end = {"traceback": self.formatException(record.exc_info)} if record.exc_info else {}
        each = [content | {"message": m} | _given(fields) | end for m, fields in _occurrences(record)]
        return "\n".join(map(_object, each))


def _object(content: Mapping[str, object]) -> str:
    try:
        return masked(escaped(msgspec.json.encode(content, enc_hook=str).decode()))
    except UnicodeEncodeError:  # half a surrogate pair: a file's name that is not UTF-8
        return masked(json.dumps(content, default=str))


def _given(fields: Mapping[str, object]) -> dict[str, object]:
    return {k: v for k, v in fields.items() if v is not None}


def _text(message: str, fields: Mapping[str, object]) -> str:
    return printable(message) + "".join([f" {k}={_quoted(v)}" for k, v in fields.items() if v is not None])


_PLAIN = re.compile(r"[!#-<>-~]+")
"""Visible ASCII except space, quote and equals sign: nearly all logged values."""


def _quoted(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return text if text.isprintable() and not set(text) & set(' "=') else quoted(text)


def configuration(style: Literal["text", "json"]) -> dict[str, Any]:
    """Return the logging configuration of the gateway and uvicorn, for `logging.config.dictConfig`."""
    formatter = TextFormatter if style == "text" else JsonFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__qualname__}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"registry_gateway": {"level": "INFO"}, "uvicorn": {"level": "INFO"}},
    }
