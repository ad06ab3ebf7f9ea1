"""The report of a check: findings, each with the service it is about."""

from collections.abc import Sequence

import msgspec

from registry_gateway.doctor.rules.finding import Finding


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """A finding about a service, or about the gateway if `dialect` and `key` are None."""

    dialect: str | None = None
    key: str | None = None
    finding: Finding


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a check.

    `checked` is the URL or database, `services` the number of services checked. `unresolved` are the hosts whose
    look-up was not answered in time.
    """

    checked: str
    services: int
    diagnoses: Sequence[Diagnosis]
    unresolved: Sequence[str] = ()


def about_gateway(findings: Sequence[Finding]) -> list[Diagnosis]:
    """Return findings as diagnoses of the gateway."""
    return [Diagnosis(finding=finding) for finding in findings]
