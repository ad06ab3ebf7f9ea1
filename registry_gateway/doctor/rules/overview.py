"""Findings about a registry as a whole: mass lapses, dialects that emptied, absences."""

from collections.abc import Sequence
from datetime import UTC, datetime

from registry_gateway.core.overview import HOUR, Absence, Emptied, MassLapse, Overview
from registry_gateway.doctor.rules.finding import Finding, error, warning

SHORT_ABSENCE = 10.0
"""Seconds up to which an absence is no finding: a gateway that restarts takes less."""

_COMMAND = "registry-gateway events --since 24h --kind expired"


def of_overview(overview: Overview) -> list[Finding]:
    """Return the findings, the worst first.

    Mass lapses and dialects that emptied are those of the last day, absences those of the last hour.
    """
    found = [_mass_lapse(lapse, overview.at) for lapse in overview.mass_lapses]
    found += [_emptied(emptied) for emptied in overview.emptied]
    recent = [a for a in overview.absences if a.until is not None and a.until > overview.at - HOUR]
    found += _away([a for a in recent if a.cause != "database"], "gateway")
    found += _away([a for a in recent if a.cause == "database"], "database")
    return sorted(found, key=lambda finding: finding.severity)


def _mass_lapse(lapse: MassLapse, now: float) -> Finding:
    summary = (
        f"{lapse.services} of {lapse.live_before} {lapse.dialect} services lapsed within "
        f"{max(1.0, lapse.ended_at - lapse.began_at):.0f} s, from {_moment(lapse.began_at)} on; "
        f"{_presence(lapse.absences)}; {lapse.recovered} of them are live again"
    )
    if lapse.absences:
        advice = "Restart the services that did not come back after the outage, and check what they log about it."
    else:
        advice = (
            "Look for what they share: a host, a network, a proxy before the gateway, a key that was changed (the "
            "gateway's log has the refused requests)."
        )
    advice += f" `{_COMMAND} --dialect {lapse.dialect}` lists them."
    severe = now - lapse.began_at <= HOUR and lapse.recovered < lapse.services
    return (error if severe else warning)("mass_lapse", summary, advice)


def _presence(absences: Sequence[Absence]) -> str:
    """Return whether a gateway and its database were present between the last heartbeats and the lapses."""
    if not absences:
        return "the gateway and its database were present all the time"
    lengths = [a.until - a.since for a in absences if a.until is not None]
    how_long = f" for {sum(lengths):.0f} s" if len(lengths) == len(absences) else ""
    return f"before that {_who(absences)}{how_long}"


def _who(absences: Sequence[Absence]) -> str:
    if all(absence.cause == "database" for absence in absences):
        return "the database could not be written"
    if all(absence.cause != "database" for absence in absences):
        return "no gateway was running"
    return "no gateway was running, or the database could not be written,"


def _emptied(emptied: Emptied) -> Finding:
    summary = (
        f"{emptied.dialect} has no live service: it had {emptied.services} within the last day, and the last one ended "
        f"at {_moment(emptied.at)}"
    )
    advice = (
        f"If they were not stopped on purpose, `{_COMMAND} --kind deregistered --dialect {emptied.dialect}` shows why "
        "each ended."
    )
    return error("dialect_emptied", summary, advice)


def _away(absences: Sequence[Absence], what: str) -> list[Finding]:
    """Return the finding about absences within the last hour, which are given the newest first."""
    long = [(a, a.until - a.since) for a in absences if a.until is not None and a.until - a.since > SHORT_ABSENCE]
    if not long:
        return []
    newest, seconds = long[0]
    times = f"{len(long)} times within the hour, the last time " if len(long) > 1 else ""
    summary = f"{_who(absences)} {times}for {seconds:.0f} s from {_moment(newest.since)} on; leases were extended by it"
    advice = {
        "gateway": "Check why it stopped: its log, or the one of what starts it. Clients were answered with an error.",
        "database": "Check the database's log and its disk. Registrations and heartbeats were answered with 503.",
    }[what]
    return [warning(f"{what}_away", summary[:1].upper() + summary[1:], advice)]


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
