"""What the contract tests ask of a registry: one dialect that speaks for itself, with policies of each kind."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from registry_gateway.core.clock import Clock
from registry_gateway.core.commands import Advertise, Approve, Deregister, Register, Renew
from registry_gateway.core.lease import EXPIRED, Health, LeasePolicy, Stage
from registry_gateway.core.model import Actor, Entry
from registry_gateway.registry.registry import Registry
from tests.conftest import ManualClock

DIALECT = "test"
TTL = 30.0
ACTOR = Actor("account:alice", "192.0.2.1", "req_1")

ENDS = LeasePolicy(late_renewal="refuse", retention=0)
"""Gone at its deadline; a late heartbeat is refused. CHAP's where late pings are refused."""

REFUSES = LeasePolicy(late_renewal="refuse", retention=100, keeps_deregistered=True)
"""Kept for a while; a late heartbeat is refused."""

REMEMBERS = LeasePolicy(
    late_renewal="revive", retention=100, kept_for_revival=True, most_lapsed=3, takeover_window=3_600
)
"""Kept for a while after its lapse, for a late heartbeat and nothing else. CHAP's."""

REVIVES = LeasePolicy(late_renewal="revive", retention=100, keeps_deregistered=True)
"""Kept for a while; any heartbeat revives. runspec's."""

STAYS = LeasePolicy(
    late_renewal="revive",
    retention=None,
    stages=(EXPIRED, Stage(60.0, Health.DEGRADED, "degraded"), Stage(600.0, Health.UNREACHABLE, "unreachable")),
)
"""Never removed by silence, which has three steps. ScaiControl's."""


class OpenRegistry(Protocol):
    """`open_registry(policy)`: a registry on the test's database, closed when the test ends."""

    def __call__(self, policy: LeasePolicy, clock: Clock | None = None, url: str | None = None) -> Registry:
        """Open one more: another gateway on the same database."""
        ...


def register(key: str = "svc", **changes: Any) -> Register:
    """A registration of version 1.0, in mode `replace`."""
    command = Register(
        dialect=DIALECT,
        key=key,
        name="Service",
        version="1.0",
        ttl=TTL,
        document=b'{"id":1}',
        mode="replace",
        actor=ACTOR,
        address="http://svc",
    )
    return msgspec.structs.replace(command, **changes)


def renew(key: str = "svc", **changes: Any) -> Renew:
    """A heartbeat."""
    return msgspec.structs.replace(Renew(DIALECT, key, ACTOR), **changes)


def deregister(key: str = "svc", **changes: Any) -> Deregister:
    """A deregistration."""
    return msgspec.structs.replace(Deregister(dialect=DIALECT, key=key, actor=ACTOR, reason="moving"), **changes)


def advertise(key: str = "svc", tools_document: bytes = b"[]") -> Advertise:
    """A list of tools."""
    return Advertise(DIALECT, key, tools_document, ACTOR)


def approve(key: str = "svc") -> Approve:
    """An approval."""
    return Approve(DIALECT, key, ACTOR)


async def found(registry: Registry, key: str = "svc") -> Entry:
    """Return what is registered under `key`, which must be."""
    entry = await registry.find(DIALECT, key)
    assert entry is not None
    return entry


async def listen(registry: Registry, clock: ManualClock, seconds: float) -> None:
    """Let time pass while a gateway is there to hear heartbeats."""
    for _ in range(int(seconds)):
        clock.advance(1)
        await registry.resume()
    clock.advance(seconds % 1)


async def history(registry: Registry, key: str | None = None) -> Sequence[str]:
    """Return the kinds of the events so far, oldest first."""
    return [event.kind.value for event in await registry.events(dialect=key and DIALECT, key=key)]
