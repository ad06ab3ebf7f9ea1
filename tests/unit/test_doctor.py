"""What the doctor finds, each case both ways: where it is, and where it only looks a little like it."""

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from registry_gateway.core.commands import Command, Deregister, Register, Renew
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor, Entry, Event, Registration
from registry_gateway.core.transitions import decide
from registry_gateway.doctor.rules import installation
from registry_gateway.doctor.rules.addresses import host_of, is_loopback, of_address, unresolved
from registry_gateway.doctor.rules.finding import Finding, Severity
from registry_gateway.doctor.rules.service import diagnose
from registry_gateway.settings import Settings

NOW = 1_800_000_000.0
TTL = 30.0
REFUSE = LeasePolicy(late_renewal="refuse", retention=0)
REVIVE = LeasePolicy(late_renewal="revive", retention=None)
ADVICE = 20
"""Characters an advice has at the least: it is a sentence, not a shrug."""


def codes(found: Iterable[Finding]) -> list[str]:
    """The codes of findings, each of which says what is the matter and what to do."""
    found = list(found)
    assert all(len(f.summary) > ADVICE and len(f.advice) > ADVICE and f.advice.endswith(".") for f in found)
    return [f.code for f in found]


class Life:
    """A service under a policy: what it does, decided by the core, and the events it leaves."""

    def __init__(self, policy: LeasePolicy) -> None:
        """Begin without a registration, an hour ago."""
        self.policy = policy
        self.now = NOW - 3_000
        self.registration: Registration | None = None
        self.events: list[Event] = []

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def register(self, address: str | None = "http://model:8000", source: str = "192.0.2.7") -> None:
        """Register, from `source`, under `address`."""
        self._do(
            Register(
                dialect="d",
                key="k",
                name="n",
                version="1",
                ttl=TTL,
                document=b"{}",
                mode="replace",
                actor=Actor("a", source),
                address=address,
            )
        )

    def beat(self) -> None:
        """Send a heartbeat."""
        self._do(Renew("d", "k", Actor("a", "192.0.2.7")))

    def leave(self) -> None:
        """Deregister."""
        self._do(Deregister(dialect="d", key="k", actor=Actor("a", "192.0.2.7")))

    def findings(self, now: float | None = None) -> list[str]:
        """The codes of what is found, by default right after the last thing it did."""
        return codes(diagnose(self.entry(), self.events, now or self.now))

    def entry(self) -> Entry | None:
        """The registration as it is read, if there is one."""
        found = self.registration
        return None if found is None else Entry(found, b"{}", None, found.lease.health(self.policy, self.now), self.now)

    def _do(self, command: Command) -> None:
        decision = decide(self.registration, command, self.policy, self.now, 0)
        self.registration = decision.after
        self.events += decision.events


# --- addresses


@pytest.mark.parametrize(
    ("address", "code", "severity"),
    [
        ("http://localhost:8000", "loopback_address", Severity.WARNING),
        ("localhost", "loopback_address", Severity.WARNING),
        ("LOCALHOST:22", "loopback_address", Severity.WARNING),
        ("http://127.0.1.1", "loopback_address", Severity.WARNING),
        ("http://[::1]:8000/", "loopback_address", Severity.WARNING),
        ("::1", "loopback_address", Severity.WARNING),
        ("http://0.0.0.0:8000", "unspecified_address", Severity.ERROR),
        ("http://[::]:8000", "unspecified_address", Severity.ERROR),
        ("http://1f0c9a7be2d4:8000", "container_address", Severity.WARNING),
        ("1f0c9a7be2d4", "container_address", Severity.WARNING),
        ("http://", "address_without_host", Severity.ERROR),
        ("http://[::1", "address_without_host", Severity.ERROR),
        ("not a url", "address_without_host", Severity.ERROR),
        ("http://my model:8000", "address_without_host", Severity.ERROR),
        ("<script>", "address_without_host", Severity.ERROR),
    ],
)
def test_an_address_nobody_else_can_use(address: str, code: str, severity: Severity) -> None:
    [finding] = of_address(address)
    assert codes([finding]) == [code]
    assert finding.severity is severity


@pytest.mark.parametrize(
    "address",
    [
        "http://model:8000",
        "web-01.example.org",
        "https://example.org/localhost",
        "192.0.2.7:8000",
        "2001:db8::7",
        "http://1f0c9a7be2d4.example.org",
        "deadbeefcafe0",
        "defacedfacad-1",
        "notlocalhost",
    ],
)
def test_an_address_like_any_other(address: str) -> None:
    assert of_address(address) == []


def test_only_what_is_registered_has_an_address() -> None:
    life = Life(REFUSE)
    life.register("http://localhost")
    assert life.findings() == ["loopback_address"]
    life.leave()
    assert life.findings() == []
    life.register(None)
    assert life.findings() == []


def test_hosts() -> None:
    assert host_of("http://user@model:8000/x") == "model"
    assert host_of("fe80::1") == "fe80::1"
    assert (is_loopback("127.0.0.9"), is_loopback("a.localhost"), is_loopback("10.0.0.1")) == (True, True, False)
    assert codes([unresolved("model")]) == ["unresolvable_address"]


# --- two under one key


def test_two_addresses_in_turn() -> None:
    life = Life(REVIVE)
    for address in ("http://a", "http://b", "http://a"):
        life.register(address)
        life.wait(1)
    assert life.findings() == ["shared_key"]
    assert diagnose(None, life.events, life.now)[0].severity is Severity.ERROR
    assert life.findings(now=life.now + 3_600) == []


def test_two_sources_in_turn() -> None:
    life = Life(REVIVE)
    for source in ("192.0.2.1", "192.0.2.2", "192.0.2.1"):
        life.register(source=source)
    [finding] = diagnose(life.entry(), life.events, life.now)
    assert (codes([finding]), finding.severity) == (["shared_key"], Severity.WARNING)


def test_a_service_that_moved_is_not_two() -> None:
    life = Life(REVIVE)
    for address in ("http://a", "http://a", "http://b", "http://b", "http://c"):
        life.register(address)
    assert life.findings() == []


def test_lives_one_after_the_other_are_not_two() -> None:
    life = Life(REFUSE)
    for address in ("http://a", "http://b", "http://a"):
        life.register(address)
        life.leave()
    assert life.findings() == []


# --- lapses


def test_heartbeats_slower_than_the_lease() -> None:
    life = Life(REVIVE)
    life.register()
    for _ in range(2):
        life.wait(TTL * 2)
        life.beat()
    [finding] = diagnose(life.entry(), life.events, life.now)
    assert codes([finding]) == ["slow_heartbeat"]
    assert (
        "2 in the last hour came after the lease had expired, about 60 s after the previous one (lease: 30 s)"
        in finding.summary
    )


def test_heartbeats_in_time_and_one_that_was_late() -> None:
    life = Life(REVIVE)
    life.register()
    for seconds in (20.0, 60.0, 20.0, 20.0):
        life.wait(seconds)
        life.beat()
    assert life.findings() == []


def test_slow_heartbeats_are_told_of_once_though_they_lapse_often() -> None:
    life = Life(REVIVE)
    life.register()
    for _ in range(5):
        life.wait(TTL * 2)
        life.beat()
    assert life.findings() == ["slow_heartbeat"]


def test_a_restart_after_a_lapse_is_no_slow_heartbeat() -> None:
    life = Life(REVIVE)
    for _ in range(3):
        life.register()
        life.wait(TTL * 2)
    assert life.findings() == []


@pytest.mark.parametrize("policy", [REFUSE, REVIVE])
def test_an_id_that_keeps_lapsing_and_coming_back(policy: LeasePolicy) -> None:
    life = Life(policy)
    for _ in range(3):
        life.register()
        life.wait(10)
        life.beat()
        assert life.findings() == []
        life.wait(TTL * 2)
    life.register()
    assert life.findings() == ["keeps_lapsing"]
    assert codes(diagnose(None, life.events, life.now)) == ["keeps_lapsing"]
    assert life.findings(now=life.now + 3_600) == []


def test_registering_again_and_again_without_a_heartbeat() -> None:
    life = Life(REFUSE)
    for _ in range(4):
        life.register()
        life.wait(TTL * 2)
    assert life.findings() == ["no_heartbeats"]


def test_the_worst_comes_first() -> None:
    life = Life(REFUSE)
    for _ in range(4):
        life.register("http://localhost")
        life.wait(TTL * 2)
    assert life.findings() == ["no_heartbeats", "loopback_address"]


# --- around the registrations

OPEN = {"chap": "SERVICEKIT_REGISTRATION_KEY"}


@pytest.mark.parametrize(
    ("settings", "open_dialects", "expected"),
    [
        ({}, {}, []),
        ({}, OPEN, ["open_writes"]),
        ({"host": "127.0.0.1"}, OPEN, []),
        ({"forwarded_allow_ips": "*"}, {}, ["any_proxy"]),
        ({"forwarded_allow_ips": "*", "host": "localhost"}, {}, []),
        ({"forwarded_allow_ips": "10.0.0.0/8,192.0.2.1"}, {}, []),
        ({"public_url": "http://gateway:8765"}, {}, ["plain_public_url"]),
        ({"public_url": "https://gateway"}, {}, []),
        ({"public_url": "http://localhost:8765"}, {}, ["loopback_public_url"]),
        ({"public_url": "http://localhost:8765", "host": "127.0.0.1"}, {}, []),
        ({"public_url": "https://x", "root_path": "/registry"}, {}, ["public_url_without_prefix"]),
        ({"public_url": "https://x/registry/", "root_path": "/registry"}, {}, []),
        ({"root_path": "/registry"}, {}, []),
    ],
)
def test_settings(settings: dict[str, Any], open_dialects: dict[str, str], expected: list[str]) -> None:
    own = msgspec.convert(settings, Settings)
    assert codes(installation.of_settings(own, open_dialects)) == expected


@pytest.mark.parametrize(("ahead", "word"), [(6.0, "ahead of"), (-6.0, "behind"), (4.0, None), (-4.0, None)])
def test_clocks(ahead: float, word: str | None) -> None:
    found = installation.of_clock(ahead, "the database")
    assert codes(found) == ([] if word is None else ["clock_skew"])
    assert all(str(word) in finding.summary for finding in found)


@pytest.mark.parametrize(
    ("ago", "expected"), [(None, []), (1.0, []), (11.0, ["no_gateway"]), (-4.0, []), (-60.0, ["clock_skew"])]
)
def test_gateways_that_are_not_there(ago: float | None, expected: list[str]) -> None:
    assert codes(installation.of_presence(None if ago is None else NOW - ago, NOW)) == expected


def test_a_clock_that_was_set() -> None:
    assert installation.of_steps([]) == []
    assert codes(found := installation.of_steps([1.0, 3600.0, -30.0, 5.0])) == ["clock_stepped"]
    assert "4 time(s) within the hour: +3600.0 s, -30.0 s, +5.0 s" in found[0].summary


MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("taken", "free", "expected"),
    [
        (10, None, []),
        (10, 300, []),
        (10, 255, [Severity.WARNING]),
        (4000, 999, [Severity.WARNING]),
        (4000, 1001, []),
        (10, 15, [Severity.ERROR]),
    ],
)
def test_disks_with_little_room(taken: int, free: int | None, expected: list[Severity]) -> None:
    found = installation.of_disk(taken * MIB, None if free is None else free * MIB)
    assert [(f.code, f.severity) for f in found] == [("disk_nearly_full", severity) for severity in expected]
    assert all("RETENTION_DAYS" in f.advice and "MAX_EVENTS" in f.advice for f in found)


def test_a_database_behind() -> None:
    found = installation.behind("the database is at migration none, this version needs 0003", "run: registry-gateway x")
    assert codes([found]) == ["database_level"]
