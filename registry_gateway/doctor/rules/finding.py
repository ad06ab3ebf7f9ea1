"""A finding: what is the matter, how bad it is, and what to do."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Severity(StrEnum):
    """ERROR: somebody can't do what they came for. WARNING: it works, but probably not as it was meant."""

    ERROR = "error"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is probably wrong. `code` is stable and meant for programs."""

    code: Annotated[str, Meta(description="What it is, for programs: such as loopback_address.")]
    severity: Severity
    summary: Annotated[str, Meta(description="What is the matter, in a sentence.")]
    advice: Annotated[str, Meta(description="What to do about it.")]


def error(code: str, summary: str, advice: str) -> Finding:
    """Return the finding of an error."""
    return Finding(code=code, severity=Severity.ERROR, summary=summary, advice=advice)


def warning(code: str, summary: str, advice: str) -> Finding:
    """Return the finding of something to be warned of."""
    return Finding(code=code, severity=Severity.WARNING, summary=summary, advice=advice)
