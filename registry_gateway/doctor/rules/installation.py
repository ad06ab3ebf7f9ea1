"""What is wrong around the registrations: settings, clocks, the database's level, gateways that are not there."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from registry_gateway.doctor.rules.addresses import host_of, is_loopback
from registry_gateway.doctor.rules.finding import Finding, error, warning
from registry_gateway.settings import PREFIX, Settings

SKEW = 5.0
"""Seconds two clocks may differ before it is worth a word: the `Date` of an answer is only exact to one."""

SAID = 3
"""Most steps of a clock that are named, the last ones."""

ABSENCE = 10.0
"""Seconds without a sign of a gateway, which gives one each second, before it is said that there is none."""


MIB = 1024 * 1024

LITTLE = 256 * MIB
"""Bytes left below which a disk has little room: SQLite's write-ahead log alone may take as much."""

FULL = 16 * MIB
"""Bytes left below which writes are about to fail."""


def of_settings(own: Settings, open_dialects: Mapping[str, str]) -> list[Finding]:
    """Return what is wrong with the settings, the same as `serve` would have them.

    `open_dialects` are those anybody may write to, each with the name of the setting that would close it.
    """
    if is_loopback(own.host):
        return _of_public_url(own)
    found = _of_public_url(own)
    for name, setting in open_dialects.items():
        advice = f"Set {setting}, here and in the services. Options given to `serve` can't be seen from here."
        summary = f"Every client that reaches {own.host} may register and remove {name} services"
        found.append(
            warning(
                "open_writes",
                summary,
                advice,
            )
        )
    if "*" in own.forwarded_allow_ips.split(","):
        summary = "Any client can set its address and scheme: X-Forwarded-* is trusted from all"
        advice = f"Name the proxies' addresses in {PREFIX}FORWARDED_ALLOW_IPS, unless only they can reach the port."
        found.append(warning("any_proxy", summary, advice))
    return found


def _of_public_url(own: Settings) -> list[Finding]:
    if own.public_url is None:
        return []
    found = []
    name, host = f"{PREFIX}PUBLIC_URL", host_of(own.public_url)
    if host is not None and is_loopback(host) and not is_loopback(own.host):
        summary = f"Services are told to send their heartbeats to {host}, which is each one's own machine"
        found.append(error("loopback_public_url", summary, f"Set {name} to the URL services reach the gateway under."))
    elif own.public_url.startswith("http://") and not is_loopback(own.host):
        summary = "Services are told to send their heartbeats, and their keys with them, by http"
        advice = f"Give the gateway or the proxy before it a certificate, and set {name} to its https:// URL."
        found.append(warning("plain_public_url", summary, advice))
    if own.root_path and urlsplit(own.public_url).path.rstrip("/") != own.root_path:
        summary = f"The URL services are told does not end with the prefix {own.root_path} the proxy serves under"
        found.append(error("public_url_without_prefix", summary, f"Add it to {name}, or unset {PREFIX}ROOT_PATH."))
    return found


def of_clock(ahead: float, whose: str) -> list[Finding]:
    """Return what is wrong with a clock that is `ahead` seconds before this machine's; `whose` says which it is."""
    if abs(ahead) <= SKEW:
        return []
    summary = f"The clock of {whose} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    advice = "Run NTP on both: leases follow the database server's clock (SQLite: the gateway's), tokens the gateway's."
    return [error("clock_skew", summary, advice)]


def of_presence(present_at: float | None, now: float) -> list[Finding]:
    """Return what it means when a gateway last gave a sign of itself at `present_at` (epoch seconds; None: never)."""
    if present_at is None:
        return []
    silent = now - present_at
    if silent < -SKEW:
        return of_clock(-silent, "the last gateway")
    if silent <= ABSENCE:
        return []
    summary = f"No gateway has used this database for {silent:.0f} s"
    return [warning("no_gateway", summary, "Start one, or name the database it uses with --database-url.")]


def of_disk(taken: int, free: int | None) -> list[Finding]:
    """Return what is wrong with the room for the database.

    Args:
        taken: Bytes the database takes.
        free: Bytes that are free on its disk; None if that is not known.
    """
    if free is None or free >= max(LITTLE, taken / 4):
        return []
    summary = f"The disk of the database has {free / MIB:.0f} MiB left, and the database takes {taken / MIB:.0f} MiB"
    advice = (
        f"Give it more room: when it is full, nothing can be written. To keep less, lower {PREFIX}RETENTION_DAYS or "
        f"set {PREFIX}MAX_EVENTS; SQLite's file does not shrink then, but it grows no more."
    )
    return [(error if free < FULL else warning)("disk_nearly_full", summary, advice)]


def of_steps(steps: Sequence[float]) -> list[Finding]:
    """Return what it means that the clock leases are judged by was set by so many seconds, within the last hour."""
    if not steps:
        return []
    said = ", ".join(f"{step:+.1f} s" for step in steps[-SAID:])
    summary = f"The clock that leases follow was set {len(steps)} time(s) within the hour: {said}"
    advice = "Let NTP correct it in small parts: on the database server, with SQLite on the gateway's machine."
    return [warning("clock_stepped", summary, advice)]


def behind(problem: str, remedy: str) -> Finding:
    """Return the finding that a database is at another migration than this version needs."""
    return error("database_level", problem[:1].upper() + problem[1:], f"{remedy[:1].upper()}{remedy[1:]}.")
