"""Errors of requests that can't be decoded, as FastAPI's `detail` list.

All three dialects answer such a request with 422 and `{"detail": [{"type", "loc", "msg"}]}`; their clients read `loc`
and `msg`. The input is never repeated.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from registry_gateway.core.errors import Unstorable
from registry_gateway.http.answer import Answer, json_answer
from registry_gateway.http.body import EmptyBody

_WORDS: dict[str, str] = {}


def worded(pattern: str, words: str) -> str:
    """Return a pattern for `Meta`. Errors then say that a text must be `words`, instead of quoting the pattern."""
    _WORDS[f"Expected `str` matching regex {pattern!r}"] = f"It must be {words}"
    return pattern


NO_NUL = worded(r"^[^\x00]*\Z", "text without the character NUL")
"""Pattern of text without NUL, which PostgreSQL's text cannot contain."""

Text = Annotated[str, Meta(max_length=1024, pattern=NO_NUL)]
"""Text that is stored in a column."""

LongText = Annotated[str, Meta(max_length=65536)]
"""Text that is stored in a document only. It has no pattern, because checking one takes half a microsecond."""

SLUG = worded(r"^[a-z][a-z0-9-]*\Z", "lower-case letters, digits and hyphens, starting with a letter")
"""A slug: a lower case letter, then lower case letters, digits and hyphens."""


class Invalid(Exception):
    """A request that can be decoded but is invalid.

    `kind`, `loc` and `msg` are FastAPI's `type`, `loc` (such as ("header", "X-Service-Key")) and `msg`.
    """

    def __init__(self, kind: str, loc: tuple[str | int, ...], msg: str) -> None:
        super().__init__(msg)
        self.detail = {"type": kind, "loc": loc, "msg": msg}


_PATH = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_AT = " - at `$"
_ENUM = "Invalid enum value"
_MISSING = re.compile(r"Object missing required field `(.*)`$")
_KINDS = (
    ("matching regex", "string_pattern_mismatch"),
    ("enum", "enum"),
    ("Expected `str` of length <=", "string_too_long"),
    ("Expected `str` of length >=", "string_too_short"),
    ("of length <=", "too_long"),
    ("of length >=", "too_short"),
    ("` >= ", "greater_than_equal"),
    ("` > ", "greater_than"),
    ("` <= ", "less_than_equal"),
    ("` < ", "less_than"),
    ("Expected `str", "string_type"),
    ("Expected `int", "int_type"),
    ("Expected `float", "float_type"),
    ("Expected `bool", "bool_type"),
    ("Expected `array", "list_type"),
    ("Expected `object", "dict_type"),
)


def detail(error: Exception) -> dict[str, Any]:
    """Return the entry of `detail` for an exception of `REFUSED`."""
    if isinstance(error, Invalid):
        return error.detail
    if isinstance(error, EmptyBody):
        return {"type": "missing", "loc": ["body"], "msg": "Field required"}
    if isinstance(error, Unstorable):
        return {"type": "value_error", "loc": ["body"], "msg": "A value in it can't be stored"}
    if not isinstance(error, msgspec.ValidationError):
        position = getattr(error, "position", None)
        place = [] if position is None else [position]
        return {"type": "json_invalid", "loc": ["body", *place], "msg": f"JSON decode error: {error}"}
    problem, path = parted(str(error))
    loc: list[str | int] = ["body", *_steps(path)]
    missing = _MISSING.match(problem)
    if missing:
        return {"type": "missing", "loc": [*loc, missing[1]], "msg": "Field required"}
    kind = next((kind for words, kind in _KINDS if words in problem), "value_error")
    return {"type": kind, "loc": loc, "msg": _WORDS.get(problem, problem)}


def parted(message: str) -> tuple[str, str]:
    """Split msgspec's message into the problem and the path, such as `.info.id`.

    One of its messages repeats the input. The input is removed, and a path in the input is ignored.
    """
    if message.startswith(_ENUM):
        _, found, path = message.rpartition(_AT)
        return _ENUM, path.rstrip("`") if found else ""
    problem, _, path = message.partition(_AT)
    return problem, path.rstrip("`")


def unprocessable(error: Exception) -> Answer:
    """Return the 422 for an exception of `REFUSED`."""
    return json_answer(422, {"detail": [detail(error)]})


REFUSED = (Invalid, EmptyBody, Unstorable, msgspec.DecodeError)
"""The exceptions that `unprocessable` accepts. `msgspec.ValidationError` is a DecodeError."""


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    for name, index in _PATH.findall(path):
        if index:
            steps.append(int(index))
        elif name:
            steps.append(name)
    return steps
