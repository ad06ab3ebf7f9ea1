"""A finding: a probable fault, its severity, and advice."""

from typing import Annotated

import msgspec
from msgspec import Meta

from registry_gateway.core.open_enum import OpenEnum


class Severity(OpenEnum):
    """ERROR: something does not work. WARNING: it works, but probably not as intended."""

    ERROR = "error"
    WARNING = "warning"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is probably wrong. `code` is stable and meant for programs."""

    code: Annotated[str, Meta(description="Identifier for programs, such as loopback_address. It never changes.")]
    severity: Severity
    summary: Annotated[str, Meta(description="Description of the fault in one sentence.")]
    advice: Annotated[str, Meta(description="How to correct it.")]


def error(code: str, summary: str, advice: str) -> Finding:
    """Return a finding of severity ERROR."""
    return Finding(code=code, severity=Severity.ERROR, summary=summary, advice=advice)


def warning(code: str, summary: str, advice: str) -> Finding:
    """Return a finding of severity WARNING."""
    return Finding(code=code, severity=Severity.WARNING, summary=summary, advice=advice)
