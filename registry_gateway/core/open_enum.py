"""Enumerations that a client can read with values that it does not know."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Self

_open = ContextVar("_open", default=False)


class OpenEnum(StrEnum):
    """Texts of a fixed set. Within `unknown_values` others are values too, so that a newer gateway may add some."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not _open.get() or not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown


@contextmanager
def unknown_values() -> Iterator[None]:
    """Accept unknown texts as values of an `OpenEnum`. Such a value equals its text, and is not kept as a member."""
    token = _open.set(True)
    try:
        yield
    finally:
        _open.reset(token)
