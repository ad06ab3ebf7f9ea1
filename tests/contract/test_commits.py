"""What shares a commit: each caller's command is done in its turn and answered for itself."""

import asyncio

import pytest

from registry_gateway.core.commands import Done, Registered, Renewed, Unknown
from registry_gateway.core.errors import NotOwner, NotRegistered, Unstorable
from registry_gateway.core.lease import REVOKED
from registry_gateway.core.model import Entry
from registry_gateway.registry.registry import Registry
from registry_gateway.store.engine import Store
from tests.conftest import ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REVIVES,
    STAYS,
    OpenRegistry,
    advertise,
    deregister,
    found,
    history,
    register,
    renew,
)
from tests.postgresql import SERVERS

pytestmark = pytest.mark.anyio


async def test_one_commit_does_mixed_commands_on_one_key_in_their_order(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    outcomes = await asyncio.gather(
        registry.register(register("other")),  # the commit that the next ones wait for
        registry.register(register(mode="create")),
        registry.renew(renew()),
        registry.advertise(advertise(tools_document=b"[1]")),
        registry.deregister(deregister()),
        registry.renew(renew()),
        registry.register(register(mode="create", document=b"second")),
        registry.advertise(advertise(tools_document=b"[2]")),
    )
    told: list[object] = list(outcomes)
    assert [type(outcome) for outcome in told] == [
        Registered,
        Registered,
        Renewed,
        Done,
        Done,
        Unknown,
        Registered,
        Done,
    ]
    assert all(outcome.created for outcome in told if isinstance(outcome, Registered))
    assert all(outcome.registration.advertised for outcome in told if isinstance(outcome, Done))
    entry = await found(registry)
    assert (entry.document, entry.tools_document) == (b"second", b"[2]")
    assert await history(registry, "svc") == ["registered", "updated", "deregistered", "registered", "updated"]


async def test_a_refused_command_spoils_nothing_in_its_commit(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register("taken", owner="bob"))
    outcomes = await asyncio.gather(
        registry.register(register("first")),
        registry.register(register("a")),
        registry.register(register("taken", owner="alice")),
        registry.deregister(deregister("nothing")),
        registry.renew(renew("nothing")),
        registry.register(register("b")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [
        Registered,
        Registered,
        NotOwner,
        NotRegistered,
        Unknown,
        Registered,
    ]
    assert [entry.registration.key for entry in await registry.list()] == ["a", "b", "first", "taken"]
    assert (await found(registry, "taken")).registration.owner == "bob"


async def test_heartbeats_of_one_key_in_one_commit_are_judged_one_by_one(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(owner="alice"))
    outcomes = await asyncio.gather(
        registry.register(register("other")),
        registry.renew(renew(owner="alice")),
        registry.renew(renew(owner="bob")),
        registry.renew(renew(owner="alice", version="1.1")),
        registry.renew(renew(owner="alice")),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Registered, Renewed, NotOwner, Renewed, Renewed]
    assert (await found(registry)).registration.version == "1.1"


async def test_a_thousand_at_once_are_all_answered(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    keys = [f"svc-{n}" for n in range(1000)]
    assert all(o.created for o in await asyncio.gather(*(registry.register(register(k)) for k in keys)))
    assert {type(o) for o in await asyncio.gather(*(registry.renew(renew(k)) for k in keys))} == {Renewed}
    assert len(await registry.list()) == 1000


async def test_versions_that_change_within_one_commit_are_all_remembered(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await asyncio.gather(
        registry.register(register("other")),  # the commit that the next ones wait for
        registry.register(register(version="1.0")),
        registry.renew(renew(version="1.1")),
        registry.register(register(version="1.2")),
        registry.register(register(version="1.0")),
    )
    assert [v.version for v in await registry.versions(DIALECT, "svc")] == ["1.0", "1.1", "1.2", "1.0"]


async def test_one_key_in_two_dialects_is_two_registrations(database_url: str, clock: ManualClock) -> None:
    registry = Registry(Store(database_url), {DIALECT: REVIVES, "another": REVIVES}, clock)
    for dialect in (DIALECT, "another"):
        await registry.register(register(dialect=dialect))
    await asyncio.gather(
        registry.register(register("first", dialect="another")),  # the commit that the next ones wait for
        registry.register(register(dialect="another", version="2.0")),  # lives on
        registry.deregister(deregister()),  # does not
    )
    entries = [await registry.find(dialect, "svc") for dialect in (DIALECT, "another")]
    await registry.close()
    assert [entry and entry.registration.lease.stage for entry in entries] == [REVOKED, 0]


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_command_the_database_cannot_take_fails_no_other_caller(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    outcomes = await asyncio.gather(
        registry.register(register("first")),
        registry.register(register("good")),
        registry.register(register("bad", name="NUL \x00")),
        return_exceptions=True,
    )
    assert [isinstance(outcome, Registered) for outcome in outcomes[:2]] == [True, True]
    assert isinstance(outcomes[2], Unstorable)


@pytest.mark.parametrize("database_url", SERVERS, indirect=True)
async def test_a_key_the_database_cannot_look_up_fails_no_other_caller(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await registry.register(register("good"))
    outcomes = await asyncio.gather(
        registry.find(DIALECT, "other"),
        registry.find(DIALECT, "good"),
        registry.find(DIALECT, "NUL \x00"),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], Entry)
    assert isinstance(outcomes[2], Unstorable)
    assert await registry.find(DIALECT, "good") is not None
