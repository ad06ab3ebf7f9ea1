"""Findings as text: severity and summary, then the advice."""

from collections.abc import Iterable, Sequence

import click

from registry_gateway.cli.output import say
from registry_gateway.doctor.rules.finding import Finding, Severity
from registry_gateway.observability.printable import printable

WIDTH = 100
"""Maximal length of a line."""

MOST_NAMED = 5
"""Most services with the same finding that are named."""


def print_findings(findings: Iterable[Finding]) -> None:
    """Print findings with their advice."""
    for finding in findings:
        print_finding(finding)


def print_finding(finding: Finding, subjects: Sequence[str] = ()) -> None:
    """Print a finding; `subjects` are the services that have it. The summary is the first service's."""
    whose = ""
    if len(subjects) == 1:
        whose = f"{subjects[0]}: "
    elif subjects:
        rest = len(subjects) - MOST_NAMED
        others = f" and {rest} more" if rest > 0 else ""
        whose = f"{len(subjects)} services ({', '.join(subjects[:MOST_NAMED])}{others}), such as {subjects[0]}: "
    color = "red" if finding.severity is Severity.ERROR else "yellow"
    say(f" {finding.code}", mark=f"{finding.severity.value:<8}", color=color)
    for text, first in ((f"{whose}{finding.summary}", "  "), (finding.advice, "  -> ")):
        later = " " * len(first)
        for line in click.wrap_text(printable(text), WIDTH, first, later).split("\n"):
            say(line)
