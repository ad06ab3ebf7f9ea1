"""What chap-core 2.x accepts of a service in its Redis. Pure.

`Orchestrator.get_all` of chap-core builds a pydantic `ServiceDetail` of every value, and one that fails hides all
models. These rules are at least as strict. Source: chap_core/rest_api/services/schemas.py of chap-core 2.5.1.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from gateway_chap.chap_core_addresses import is_email, is_url

TIMES = ("registered_at", "last_updated", "last_ping_at", "expires_at")
"""The members of a value beside those of the stored document. All are texts."""


class Problem(msgspec.Struct, frozen=True):
    """A member that chap-core would not accept. `text` is a clause such as "`period_type` is missing"."""

    member: str
    text: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check.

    `document` is the document with the members `id`, `url` and `info` as chap-core accepts it; None if it cannot be
    corrected, and `refused` is the reason then. `corrected` are the optional members that were left out or replaced.
    """

    document: bytes | None
    refused: Problem | None = None
    corrected: Sequence[Problem] = ()

    @property
    def summary(self) -> str | None:
        """The result in one sentence; None if chap-core accepts the document as it is."""
        if self.refused is not None:
            return f"chap-core would not show this: {self.refused.text}"
        if self.corrected:
            return f"chap-core is given a corrected copy: {'; '.join(problem.text for problem in self.corrected)}"
        return None


class _Document(msgspec.Struct):
    id: str
    url: str
    info: dict[str, msgspec.Raw]


class _Refused(Exception):
    def __init__(self, member: str, what: str) -> None:
        super().__init__(member)
        self.problem = Problem(member, f"`{member}` {what}")


_ABSENT = object()
_document = msgspec.json.Decoder(_Document)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def check(document: bytes) -> Checked:
    """Return what chap-core can be given of a stored document."""
    return Checked(document=document) if _passes(document) else _corrected(document)


def _passes(document: bytes) -> bool:
    """Tell whether chap-core accepts a document as it is. This takes a fifth of the time of `_corrected`."""
    try:
        read = json.loads(document)
        info = read["info"]
        metadata = info["model_metadata"]
        return (
            info["id"] == read["id"]
            and all(accepts(info.get(member)) for member, (accepts, _) in _REQUIRED.items())
            and all(accepts(info[member]) for member, (accepts, _) in _OPTIONAL.items() if member in info)
            and all(accepts(metadata[member]) for member, (accepts, _) in _METADATA.items() if member in metadata)
            and _is_object(metadata)
            and _is_text(read["url"])
        )
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return False


def _corrected(document: bytes) -> Checked:
    try:
        read = _document.decode(document)
    except msgspec.DecodeError:
        return Checked(document=None, refused=Problem("info", "it is not an object with `id`, `url` and `info`"))
    corrected: list[Problem] = []
    try:
        info = _info(dict(read.info), corrected)
        if _value(info, "id") != read.id:
            raise _Refused("id", "is not the id in `info`")
    except _Refused as refused:
        return Checked(document=None, refused=refused.problem)
    if corrected:
        document = msgspec.json.encode({"id": read.id, "url": read.url, "info": info})
    return Checked(document=document, corrected=tuple(corrected))


def unreadable(value: bytes) -> str | None:
    """Return why chap-core could not read a value of its Redis, as a clause; None if it can."""
    try:
        found = _members.decode(value)
    except msgspec.DecodeError:
        return "it is not a JSON object"
    for name in TIMES:
        if not _is_text(_value(found, name)):
            return f"`{name}` is not a text" if name in found else f"`{name}` is missing"
    checked = check(msgspec.json.encode({name: raw for name, raw in found.items() if name not in TIMES}))
    problem = checked.refused or next(iter(checked.corrected), None)
    return None if problem is None else problem.text


def _info(info: dict[str, msgspec.Raw], corrected: list[Problem]) -> dict[str, msgspec.Raw]:
    """Return `info` as chap-core accepts it; what was left out or replaced is added to `corrected`.

    Raises:
        _Refused: A required member is missing or unusable.
    """
    for member, (accepts, expected) in _REQUIRED.items():
        value = _value(info, member)
        if value is _ABSENT or value is None:
            raise _Refused(member, "is missing")
        if not accepts(value):
            raise _Refused(member, f"is not {expected}")
    metadata = _value(info, "model_metadata")
    if metadata is _ABSENT or metadata is None:
        corrected.append(Problem("model_metadata", "`model_metadata` is missing, and written as {}"))
        info["model_metadata"] = msgspec.Raw(b"{}")
    elif not _is_object(metadata):
        raise _Refused("model_metadata", "is not an object")
    else:
        kept = _members.decode(info["model_metadata"])
        before = len(corrected)
        _leave_out(kept, _METADATA, "model_metadata.", corrected)
        if len(corrected) > before:
            info["model_metadata"] = msgspec.Raw(msgspec.json.encode(kept))
    _leave_out(info, _OPTIONAL, "", corrected)
    if any(problem.member == "target" for problem in corrected):
        info["target"] = msgspec.Raw(b'"disease_cases"')
    return info


def _leave_out(members: dict[str, msgspec.Raw], rules: "_Rules", prefix: str, corrected: list[Problem]) -> None:
    """Remove the members that fail their rule, and any that Python's JSON decoder refuses."""
    for member in tuple(members):
        value = _value(members, member)
        accepts, expected = rules.get(member, _UNKNOWN)
        if value is _UNREADABLE or not accepts(value):
            instead = "is written as disease_cases" if member == "target" else "is left out"
            name = f"{prefix}{member}"
            corrected.append(Problem(name, f"`{name}` is not {expected}, and {instead}"))
            del members[member]


_UNREADABLE = object()


def _value(members: dict[str, msgspec.Raw], member: str) -> Any:
    """Return a member as chap-core decodes it; `_ABSENT` or `_UNREADABLE` if it can't."""
    if member not in members:
        return _ABSENT
    try:
        return json.loads(bytes(members[member]))
    except (ValueError, RecursionError):  # an integer of more than 4300 digits is a ValueError
        return _UNREADABLE


# --- the types of chap-core's schemas


def _is_text(value: object) -> bool:
    return isinstance(value, str)  # msgspec has refused halves of surrogate pairs


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _is_integer(value: object) -> bool:
    return type(value) is int


def _is_boolean(value: object) -> bool:
    return isinstance(value, bool)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _one_of(*words: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in words


def _or_null(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or accepts(value)


_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)


_Rule = tuple[Callable[[Any], bool], str]
_Rules = dict[str, _Rule]

_TEXT: _Rule = (_is_text, "a text")
_TEXT_OR_NULL: _Rule = (_or_null(_is_text), "a text")
_INTEGER: _Rule = (_is_integer, "an integer")
_BOOLEAN: _Rule = (_is_boolean, "true or false")
_WEB: _Rule = (_or_null(is_url), "an http or https URL that chap-core accepts")
_UNKNOWN: _Rule = (lambda _value: True, "JSON that Python decodes")

_REQUIRED: _Rules = {
    "id": (
        lambda value: isinstance(value, str) and _ID.fullmatch(value) is not None,
        "lower case words joined by single hyphens",
    ),
    "display_name": _TEXT,
    "period_type": (_one_of("weekly", "monthly", "any"), "weekly, monthly or any"),
}

_OPTIONAL: _Rules = {
    "version": _TEXT,
    "description": _TEXT_OR_NULL,
    "min_prediction_periods": _INTEGER,
    "max_prediction_periods": _INTEGER,
    "allow_free_additional_continuous_covariates": _BOOLEAN,
    "required_covariates": (_is_texts, "a list of texts"),
    "requires_geo": _BOOLEAN,
    "target": _TEXT,
    "hpo_search_space": (_or_null(_is_object), "an object"),
    "chapkit_version": _TEXT_OR_NULL,
    "servicekit_version": _TEXT_OR_NULL,
}

_METADATA: _Rules = {
    "author": _TEXT_OR_NULL,
    "author_note": _TEXT_OR_NULL,
    "author_assessed_status": (
        _or_null(_one_of("gray", "red", "orange", "yellow", "green")),
        "gray, red, orange, yellow or green",
    ),
    "contact_email": (_or_null(is_email), "an e-mail address that chap-core accepts"),
    "organization": _TEXT_OR_NULL,
    "organization_logo_url": _WEB,
    "citation_info": _TEXT_OR_NULL,
    "repository_url": _WEB,
    "documentation_url": _WEB,
}

REFUSED = (*_REQUIRED, "model_metadata", "info")
"""The members that a document can be refused for."""
