"""What a published client has to live through, tried with several at once, and what became of each.

A lease is four seconds here and the clients heartbeat once a second.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.polling import PATIENCE, PAUSE
from tests.e2e.published import KEEPALIVE
from tests.e2e.registrant import Kind, Registrant

LEASE = 4.0
SETTINGS = {
    "REGISTRY_GATEWAY_CHAP_TTL_SECONDS": f"{LEASE:g}",
    "REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": f"{LEASE / 3}",
}
Members = Mapping[str, Registrant]
"""Running clients by the names of their kinds."""

KEY = "key-of-the-clients"
KEYS = {"SERVICEKIT_REGISTRATION_KEY": KEY, "REGISTRY_GATEWAY_RUNSPEC_API_KEY": KEY}

SLACK = 1.0
"""Seconds that a busy machine may add to what is to happen within two heartbeats."""

RECOVERY = 10.0
"""Seconds in which a client has to be heard again after the gateway was away."""

STEPS = {
    "registers": "registers",
    "lives": "lives past its lease, with a clean log",
    "short outage": "back after a SIGKILL of the gateway, away for half a lease",
    "long outage": "back after a SIGKILL of the gateway, away for one lease and a half",
    "SIGSTOP": "gone while it is stopped for longer than its lease, and back within two heartbeats",
    "rolling restart": "the new process of the same id is listed for ten leases after the old one has left",
    "SIGTERM": "gone as soon as it has ended",
    "key": "registers, heartbeats and leaves with a key",
}
"""What is tried, in this order, by the names in the table."""


@dataclass
class Trial:
    """The steps that each client passed, by the name of its kind; what it and the gateway said, where one failed."""

    passed: dict[str, set[str]]
    evidence: dict[str, str] = field(default_factory=dict)

    def note(self, step: str, members: Members, good: Iterable[str]) -> None:
        """Note who passed a step."""
        for name, member in members.items():
            if name in good:
                self.passed[name].add(step)
            else:
                self.evidence.setdefault(name, f"{step}\n{member.evidence()}")


def run(kinds: Sequence[Kind], directory: Path) -> Trial:
    """Try clients of these kinds, all at once. Each is called like its kind."""
    trial = Trial({kind.name: set() for kind in kinds})
    for name in ("open", "closed"):
        (directory / name).mkdir()
    with running_gateway(directory / "open", SETTINGS) as gateway, _started(kinds, gateway, directory) as old:
        _lives(trial, old)
        _outages(trial, old, gateway)
        _stops(trial, old)
        before = {name: member.identities() for name, member in old.items()}
        with _started(kinds, gateway, directory / "new") as new:
            _rolls(trial, old, new, before)
            trial.note("SIGTERM", new, _leave(new))
    keyed = directory / "keyed"
    with (
        running_gateway(directory / "closed", SETTINGS | KEYS) as gateway,
        _started(kinds, gateway, keyed, KEY) as all_,
    ):
        heard = _until(all_, lambda member: member.last_heartbeat() is not None, PATIENCE)
        trial.note("key", all_, heard & _leave(all_))
    return trial


@contextmanager
def _started(kinds: Sequence[Kind], gateway: Gateway, directory: Path, key: str | None = None) -> Iterator[Members]:
    directory.mkdir(exist_ok=True)
    members: dict[str, Registrant] = {}
    try:
        for kind in kinds:
            members[kind.name] = kind.start(gateway, directory / kind.name, kind.name, key)
        yield members
    finally:
        for member in members.values():
            member.child.close()


def _until(members: Members, look: Callable[[Registrant], bool], seconds: float) -> set[str]:
    """Return the names of those for whom `look` was true within so many seconds."""
    found: set[str] = set()
    deadline = time.monotonic() + seconds
    while len(found) < len(members) and time.monotonic() < deadline:
        found |= {name for name, member in members.items() if name not in found and look(member)}
        time.sleep(PAUSE)
    return found


def _always(members: Members, look: Callable[[Registrant], bool], seconds: float) -> set[str]:
    """Return the names of those for whom `look` was true throughout so many seconds."""
    found = set(members)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = {name for name in found if look(members[name])}
        time.sleep(4 * PAUSE)
    return found


def _listed(member: Registrant) -> bool:
    return member.document() is not None


def _lives(trial: Trial, members: Members) -> None:
    trial.note("registers", members, _until(members, _listed, PATIENCE))
    said = {name: len(member.complaints()) for name, member in members.items()}
    there = _always(members, _listed, 1.5 * LEASE)
    trial.note("lives", members, {name for name in there if len(members[name].complaints()) == said[name] == 0})


def _outages(trial: Trial, members: Members, gateway: Gateway) -> None:
    for step, seconds in (("short outage", LEASE / 2), ("long outage", 1.5 * LEASE)):
        gateway.kill()
        time.sleep(seconds)
        gateway.start()
        trial.note(step, members, _heard_again(members) & _always(members, _listed, LEASE))


def _heard_again(members: Members) -> set[str]:
    heard = {name: member.last_heartbeat() for name, member in members.items()}
    return _until(members, lambda m: m.last_heartbeat() not in (None, heard[m.name]), RECOVERY)


def _stops(trial: Trial, members: Members) -> None:
    for member in members.values():
        member.child.stop()
    time.sleep(1.5 * LEASE)
    gone = {name for name, member in members.items() if not _listed(member)}
    for member in members.values():
        member.child.go_on()
    back = _until(members, _listed, 2 * KEEPALIVE + SLACK)
    trial.note("SIGSTOP", members, gone & back & _always(members, _listed, LEASE))


def _rolls(trial: Trial, old: Members, new: Members, before: Mapping[str, set[str]]) -> None:
    """The old process is asked to end as soon as the new one has registered: the goodbye comes last."""
    left: set[str] = set()

    def replaced(member: Registrant) -> bool:
        if not member.identities() - before[member.name]:
            return False
        old[member.name].child.terminate_soon()
        left.add(member.name)
        return True

    _until(new, replaced, PATIENCE)
    for name in left:
        old[name].child.wait()
    there = _always(new, lambda m: bool(m.identities()) and not m.identities() & before[m.name], 10 * LEASE)
    trial.note("rolling restart", new, left & there)


def _leave(members: Members) -> set[str]:
    """Ask all to end; return the names of those that said goodbye, and are listed no longer soon after.

    A heartbeat of runspec's that is under way at the goodbye may arrive after it. It revives the instance for a lease.
    """
    before = max((event["id"] for event in _goodbyes(members)), default=0)
    for member in members.values():
        member.child.terminate_soon()
    for member in members.values():
        member.child.wait()
    said = {text for event in _goodbyes(members) if event["id"] > before for text in (event["key"], event["name"])}
    return _until(members, lambda member: not _listed(member), LEASE + SLACK) & said


def _goodbyes(members: Members) -> list[dict[str, Any]]:
    gateway = next(iter(members.values())).gateway
    events: list[dict[str, Any]] = gateway.listed("/catalog/v1/log", kind="deregistered", limit="1000")["events"]
    return events
