"""Findings about an installation: settings, clocks, disk, the database's level, gateways that do not run."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from registry_gateway.doctor.rules.addresses import host_of, is_loopback
from registry_gateway.doctor.rules.finding import Finding, error, warning
from registry_gateway.settings import PREFIX, Settings

MOST_SKEW = 5.0
"""Seconds by which two clocks may differ without a finding. The `Date` of an answer is exact to one second only."""

STEPS_NAMED = 3
"""Most clock steps that a finding lists: the latest."""

ABSENCE_SECONDS = 10.0
"""Age in seconds of the last sign of presence above which no gateway is running. Gateways write one each second."""

MIB = 1024 * 1024

LOW_SPACE = 256 * MIB
"""Free bytes on a disk below which a warning is given. SQLite's write-ahead log alone may take as much."""

NO_SPACE = 16 * MIB
"""Free bytes on a disk below which the finding is an error: writes are about to fail."""


def of_settings(own: Settings, open_dialects: Mapping[str, str]) -> list[Finding]:
    """Return the findings about the settings that `serve` would use.

    `open_dialects` are the dialects that accept writes without a credential, each with the name of the setting that
    requires one.
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
        summary = f"{name} has the host {host}: services on other machines would send heartbeats to themselves"
        advice = f"Set {name} to the URL at which services reach the gateway."
        found.append(error("loopback_public_url", summary, advice))
    elif own.public_url.startswith("http://") and not is_loopback(own.host):
        summary = f"{name} begins with http://: services send heartbeats and keys unencrypted"
        advice = f"Give the gateway or its proxy a certificate, and set {name} to its https:// URL."
        found.append(warning("plain_public_url", summary, advice))
    if own.root_path and urlsplit(own.public_url).path.rstrip("/") != own.root_path:
        summary = f"{name} does not end with {own.root_path}, the prefix in {PREFIX}ROOT_PATH"
        advice = f"Add the prefix to {name}, or unset {PREFIX}ROOT_PATH."
        found.append(error("public_url_without_prefix", summary, advice))
    return found


def of_clock(ahead: float, whose: str) -> list[Finding]:
    """Return the findings about a clock that is `ahead` seconds ahead of this machine's; `whose` names it."""
    if abs(ahead) <= MOST_SKEW:
        return []
    summary = f"The clock of {whose} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    advice = (
        "Run NTP on both. Leases are judged by the database server's clock (SQLite: the gateway's), tokens by the "
        "gateway's."
    )
    return [error("clock_skew", summary, advice)]


def of_presence(present_at: float | None, now: float) -> list[Finding]:
    """Return the findings if a gateway last recorded its presence at `present_at` (epoch seconds; None: never)."""
    if present_at is None:
        return []
    age = now - present_at
    if age < -MOST_SKEW:
        return of_clock(-age, "the last gateway")
    if age <= ABSENCE_SECONDS:
        return []
    summary = f"No gateway has used this database for {age:.0f} s"
    return [warning("no_gateway", summary, "Start one, or name the database it uses with --database-url.")]


def of_disk(taken: int, free: int | None) -> list[Finding]:
    """Return the findings about the free space on the database's disk.

    Args:
        taken: Size of the database in bytes.
        free: Free bytes on its disk; None if unknown.
    """
    if free is None or free >= max(LOW_SPACE, taken / 4):
        return []
    summary = f"The disk of the database has {free / MIB:.0f} MiB left, and the database takes {taken / MIB:.0f} MiB"
    advice = (
        f"Free some space: writes fail when the disk is full. To keep less data, lower {PREFIX}RETENTION_DAYS or set "
        f"{PREFIX}MAX_EVENTS; SQLite's file then stops growing, but does not shrink."
    )
    return [(error if free < NO_SPACE else warning)("disk_nearly_full", summary, advice)]


def of_steps(steps: Sequence[float]) -> list[Finding]:
    """Return the findings if the clock that leases are judged by was set in the last hour, by `steps` (seconds)."""
    if not steps:
        return []
    said = ", ".join(f"{step:+.1f} s" for step in steps[-STEPS_NAMED:])
    summary = f"The clock that leases follow was set {len(steps)} time(s) within the hour: {said}"
    advice = "Let NTP correct it in small parts: on the database server, with SQLite on the gateway's machine."
    return [warning("clock_stepped", summary, advice)]


def behind(problem: str, remedy: str) -> Finding:
    """Return the finding that a database is not at the migration level that this version needs."""
    return error("database_level", problem[:1].upper() + problem[1:], f"{remedy[:1].upper()}{remedy[1:]}.")
