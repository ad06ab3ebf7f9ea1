"""What a check found, and about what."""

from collections.abc import Sequence

import msgspec

from registry_gateway.doctor.rules.finding import Finding


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """A finding, and the service it is about; without one, it is about the gateway."""

    dialect: str | None = None
    key: str | None = None
    finding: Finding


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked, and what was found. `unresolved` are hosts whose look-up was not answered in time."""

    checked: str
    services: int
    diagnoses: Sequence[Diagnosis]
    unresolved: Sequence[str] = ()


def about_gateway(findings: Sequence[Finding]) -> list[Diagnosis]:
    """Return findings as diagnoses of the gateway."""
    return [Diagnosis(finding=finding) for finding in findings]
