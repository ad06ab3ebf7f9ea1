"""`registry-gateway doctor` on a database: what it says of settings, database and services, and how it ends."""

import json

import anyio
import pytest

from registry_gateway.core.clock import SystemClock
from registry_gateway.core.commands import Register
from registry_gateway.core.lease import LeasePolicy
from registry_gateway.core.model import Actor
from registry_gateway.doctor import host_lookup
from registry_gateway.registry.registry import Registry
from registry_gateway.store import database_size
from registry_gateway.store.engine import Store
from registry_gateway.store.statements import presence
from tests.integration.command_line import command, complaint, output, register

LOOPBACK = {"REGISTRY_GATEWAY_HOST": "127.0.0.1"}
"""Settings in which nothing is wrong."""


def doctor(url: str, **settings: str) -> tuple[int, list[tuple[str | None, str]]]:
    """The exit code, and for each finding whose it is and what."""
    result = command(url, "doctor", "--json", **LOOPBACK | settings)
    return result.exit_code, [(f["key"], f["code"]) for f in json.loads(result.stdout)["findings"]]


def test_nothing_found(database_url: str) -> None:
    register(database_url, "chap", "my-model")
    register(database_url, "runspec", "agent", address="2001:db8::7")
    said = output(database_url, "doctor", **LOOPBACK)
    assert said.startswith("Nothing found in ")
    assert said.endswith(" with 2 live services\n")


def test_what_is_wrong_with_services(database_url: str) -> None:
    register(database_url, "chap", "my-model", address="http://localhost:8000")
    register(database_url, "runspec", "agent", address="no-such-host.invalid")
    register(database_url, "runspec", "silent", address="localhost", ttl=0.001)
    for address in ("http://192.0.2.1", "http://192.0.2.2", "http://192.0.2.1"):
        register(database_url, "scaicontrol", "twice", address=address)
    assert doctor(database_url) == (
        1,
        [("my-model", "loopback_address"), ("twice", "shared_key"), ("agent", "unresolvable_address")],
    )


def test_one_is_counted_as_one(sqlite_url: str) -> None:
    register(sqlite_url, "chap", "my-model", address="http://localhost:8000")
    last = command(sqlite_url, "doctor", **LOOPBACK).stdout.splitlines()[-1]
    assert last.startswith("1 finding in sqlite:///")
    assert last.endswith(" with 1 live service")


def test_a_finding_of_many_services_is_printed_once(sqlite_url: str) -> None:
    for number in range(7):
        register(sqlite_url, "chap", f"m{number}", address="http://localhost:8000")
    register(sqlite_url, "runspec", "agent", address="0.0.0.0")
    result = command(sqlite_url, "doctor", **LOOPBACK)
    assert result.exit_code == 1
    first, *_ = lines = result.stdout.splitlines()
    assert first.split() == ["error", "unspecified_address"]  # the worst first
    [many] = [line for line in lines if "7 services" in line]
    assert many.startswith("  7 services (chap/m0, chap/m1, chap/m2, chap/m3, chap/m4 and 2 more), such as chap/m0: ")
    assert lines[-1].startswith("8 findings in sqlite:///")


def test_settings_and_secrets(sqlite_url: str) -> None:
    assert doctor(sqlite_url, REGISTRY_GATEWAY_HOST="0.0.0.0", SERVICEKIT_REGISTRATION_KEY="s" * 20) == (
        1,
        [(None, "open_writes")],  # runspec's
    )
    url = "postgresql://me:s3cret@127.0.0.1:1/registry?password=s3cret"
    assert "s3cret" not in complaint(url, "doctor", **LOOPBACK)


def test_a_database_that_is_behind(sqlite_url: str) -> None:
    output(sqlite_url, "db", "downgrade", "0001")
    result = command(sqlite_url, "doctor", **LOOPBACK)
    assert result.exit_code == 1
    assert "database_level" in result.stdout
    assert "Run: registry-gateway db upgrade." in result.stdout


def test_what_can_not_be_looked_at(tmp_path: object) -> None:
    assert complaint(f"sqlite:///{tmp_path}/none.db", "doctor").startswith("there is no database ")
    assert "must be a URL" in complaint(f"sqlite:///{tmp_path}/none.db", "doctor", "gateway:8765")
    assert "not both" in complaint("sqlite:///x", "doctor", "http://x", "--database-url", "sqlite:///y")
    assert "--token is for" in complaint("sqlite:///x", "doctor", "--token", "t")
    assert "t\x00ken" not in complaint("sqlite:///x", "doctor", "http://x", "--token", "t\x07ken")


def test_a_gateway_that_has_left(database_url: str) -> None:
    async def leave_a_sign() -> None:
        store = Store(database_url)
        await store.write(lambda c: presence.resume(c, 1_700_000_000.0, 2.5))
        await store.close()

    anyio.run(leave_a_sign)
    assert doctor(database_url) == (1, [(None, "no_gateway")])


@pytest.mark.parametrize("seconds", [10.0, 0.0])
@pytest.mark.parametrize(("threads", "limit"), [(16, "SECONDS"), (2, "MANY_SECONDS")])
def test_hosts_are_looked_up_as_long_as_there_is_time(
    monkeypatch: pytest.MonkeyPatch, seconds: float, threads: int, limit: str
) -> None:
    monkeypatch.setattr(host_lookup, "THREADS", threads)
    monkeypatch.setattr(host_lookup, limit, seconds)
    hosts = {"localhost", "no-such-host.invalid", "x" * 64 + ".example"}
    lookup = host_lookup.HostLookup()
    for host in hosts:
        lookup.look_up(host)
    lost, unasked = lookup.finish()
    assert (lost | unasked) >= hosts - {"localhost"}
    if seconds:
        assert (lost, unasked) == (hosts - {"localhost"}, set())


def test_each_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def resolves(host: str) -> bool:
        asked.append(host)
        return False

    monkeypatch.setattr(host_lookup, "_resolves", resolves)
    lookup = host_lookup.HostLookup()
    for number in range(50):
        lookup.add("chap", f"m{number}", f"http://Model-{number % 2}.example:80{number:02}")
    diagnoses, unanswered = lookup.diagnoses()
    ours = [host for host in asked if host.startswith("model-")]  # a thread of another test may still be looking up
    assert sorted(ours) == ["model-0.example", "model-1.example"]
    assert ([d.key for d in diagnoses], unanswered) == ([f"m{number}" for number in range(50)], [])


def test_a_disk_that_is_nearly_full(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_size, "_of_file", lambda _path: database_size.Size(300 << 20, 100 << 20))
    assert doctor(sqlite_url) == (1, [(None, "disk_nearly_full")])
    said = command(sqlite_url, "doctor", **LOOPBACK).stdout
    assert "has 100 MiB left, and the database takes 300 MiB" in said
    assert "REGISTRY_GATEWAY_MAX_EVENTS" in said


def test_what_happened_to_many(database_url: str) -> None:
    async def lapse() -> None:
        store = Store(database_url)
        registry = Registry(store, {"chap": LeasePolicy(late_renewal="refuse", retention=0)}, SystemClock())
        await registry.resume()
        for number in range(10):
            await registry.register(
                Register(
                    dialect="chap",
                    key=f"model-{number}",
                    name="Model",
                    version="1",
                    ttl=3600 if number < 4 else 0.01,
                    document=b"{}",
                    mode="replace",
                    actor=Actor("test"),
                )
            )
        await anyio.sleep(0.05)
        await registry.expire()
        await store.close()

    anyio.run(lapse)
    result = command(database_url, "doctor", **LOOPBACK)
    assert result.exit_code == 1
    first, second, *_ = result.stdout.splitlines()
    assert first.split() == ["error", "mass_lapse"]
    assert second.startswith("  6 of 10 chap services lapsed within 1 s, from 20")
    assert result.stdout.endswith(" with 4 live services\n")
