"""The log: one line an occurrence, as text or JSON, with the fields that make it searchable."""

import logging
import logging.config
import re
import time
from functools import lru_cache
from typing import Any, Literal

import msgspec

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {k: v for k, v in vars(record).items() if k not in _STANDARD and v is not None}


def _time(record: logging.LogRecord) -> str:
    return f"{_second(int(record.created))}.{int(record.msecs):03d}Z"


@lru_cache(maxsize=8)  # a busy gateway writes thousands of lines in the same second
def _second(epoch: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(epoch))


class TextFormatter(logging.Formatter):
    """`time LEVEL logger: message key=value ...`, values quoted where they need it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with the traceback below it if there is one."""
        fields = "".join(f" {k}={_quoted(v)}" for k, v in _fields(record).items())
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {_printable(record.getMessage())}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object as text."""
        content = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            content["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(content, enc_hook=str).decode()


def _printable(text: str) -> str:
    """Return `text` so that it stays one line and moves no terminal's cursor, whoever chose it."""
    return text if text.isprintable() else _escaped(text)[1:-1]


_PLAIN = re.compile(r"[!#-<>-~]+")
"""Visible ASCII but for the space, the quote and the equals sign: nearly all that is logged."""


def _quoted(value: object) -> str:
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    return text if text.isprintable() and not set(text) & set(' "=') else _escaped(text)


def _escaped(text: str) -> str:
    """Return `text` as a JSON string in which everything that can't be seen is escaped."""
    encoded = msgspec.json.encode(text).decode()
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in encoded)


def configuration(style: Literal["text", "json"]) -> dict[str, Any]:
    """Return the logging configuration, in the form of `logging.config.dictConfig`, for us and for uvicorn."""
    formatter = TextFormatter if style == "text" else JsonFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__qualname__}"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {"registry_gateway": {"level": "INFO"}, "uvicorn": {"level": "INFO"}},
    }
