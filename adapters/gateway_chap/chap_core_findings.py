"""What is wrong with what chap-core sees: findings about a service, and about chap-core's Redis. Pure."""

from collections.abc import Mapping, Sequence

from gateway_chap import chap_core_rules, chap_core_url
from gateway_chap.mirror_plan import Stored
from registry_gateway.adapter import Entry, Finding, finding

MOST_NAMED = 5
"""Most services that a finding names."""

SETTLED_SECONDS = 10.0
"""Seconds after its registration from which on a service must be in Redis."""


def of_entry(entry: Entry) -> list[Finding]:
    """Return the findings about a service that is mirrored: what chap-core would not accept of it."""
    checked = chap_core_rules.check(entry.document)
    summary = checked.summary
    if summary is None:
        return []
    if checked.refused is not None:
        advice = "If it is a model, correct what it registers; a service that is no model can stay as it is."
        return [finding.warning("chap_not_shown", summary, advice)]
    advice = "Correct it in the service; until then chap-core shows the model without it."
    return [finding.warning("chap_corrected", summary, advice)]


def of_url(url: str) -> list[Finding]:
    """Return the finding if a valid URL names a database in which chap-core does not look."""
    problem = chap_core_url.problem(url)
    if problem is None:
        return []
    return [finding.error("chap_redis_database", f"{chap_core_url.SETTING} {problem}", "Write /3 at its end.")]


def unusable(url: str, reason: str) -> Finding:
    """Return the finding that chap-core's Redis can't be used from this machine."""
    summary = f"{chap_core_url.parsed(url).shown} cannot be used: {reason}"
    return finding.error("chap_redis_unusable", summary, f"Check {chap_core_url.SETTING} and that Redis runs.")


def of_redis(stored: Mapping[str, Stored], alive: Sequence[Entry]) -> list[Finding]:
    """Return the findings about chap-core's Redis.

    `stored` are its services by id, `alive` the live entries of the dialect.
    """
    found = []
    if unreadable := _unreadable(stored):
        summary = f"chap-core lists no models at all, because it cannot read {_named(unreadable)}"
        found.append(finding.error("chap_redis_unreadable", summary, "Delete the key, and correct what writes it."))
    if lasting := [name for name, one in stored.items() if one.left == -1]:
        summary = f"For chap-core these are live for ever, because their keys have no expiry: {_named(lasting)}"
        found.append(finding.error("chap_redis_no_expiry", summary, "Delete the keys, or give them an expiry."))
    if foreign := [name for name, one in stored.items() if not one.own]:
        summary = f"chap-core takes registrations too: {_named(foreign)} came to it and not from the gateway"
        advice = "Give all services the gateway's URL. The gateway does not remove keys of others; they expire."
        found.append(finding.warning("chap_core_registers", summary, advice))
    if missing := _missing(stored, alive):
        summary = f"chap-core does not see {_named(missing)}, which live here and which it would accept"
        advice = f"Check that a gateway runs with {chap_core_url.SETTING}, and what it logs about chap-core's Redis."
        found.append(finding.error("chap_redis_missing", summary, advice))
    return found


def _unreadable(stored: Mapping[str, Stored]) -> list[str]:
    reasons = {name: _reason(one) for name, one in stored.items()}
    return [f"{name} ({reason})" for name, reason in reasons.items() if reason is not None]


def _reason(one: Stored) -> str | None:
    return "it is not a string" if one.value is None else chap_core_rules.unreadable(one.value)


def _missing(stored: Mapping[str, Stored], alive: Sequence[Entry]) -> list[str]:
    return [
        entry.registration.key
        for entry in alive
        if entry.registration.key not in stored
        and entry.judged_at - entry.registration.lease.granted_at > SETTLED_SECONDS
        and chap_core_rules.check(entry.document).refused is None
    ]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
