"""Registering, finding and leaving, on each database."""

import msgspec
import pytest

from registry_gateway.core.commands import Done, Renewed, Unknown
from registry_gateway.core.errors import AlreadyRegistered, NotOwner, NotRegistered
from registry_gateway.core.lease import Health, LeasePolicy
from tests.conftest import START, ManualClock
from tests.contract.services import (
    ACTOR,
    DIALECT,
    ENDS,
    REFUSES,
    REVIVES,
    STAYS,
    TTL,
    OpenRegistry,
    advertise,
    approve,
    deregister,
    found,
    history,
    register,
    renew,
)

pytestmark = pytest.mark.anyio

ODD_BYTES = bytes(range(256)) + b"\x00\xff\xfe {not json"


async def test_what_is_registered_is_found_as_it_was(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    outcome = await registry.register(register(owner="alice", approved=False, name="Größe 服务", address=None))
    assert outcome.created
    entry = await found(registry)
    assert entry.registration == outcome.registration
    assert (entry.registration.name, entry.registration.address) == ("Größe 服务", None)
    assert (entry.registration.owner, entry.registration.approved_at) == ("alice", None)
    assert entry.registration.lease.expires_at == START + TTL
    assert (entry.document, entry.tools_document, entry.health, entry.alive) == (
        b'{"id":1}',
        None,
        Health.HEALTHY,
        True,
    )


async def test_documents_come_back_byte_for_byte(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    for document in (b"", ODD_BYTES, b"x" * 3_000_000):
        await registry.register(register(document=document))
        await registry.advertise(advertise(tools_document=document))
        entry = await found(registry)
        assert (entry.document, entry.tools_document) == (document, document)
        assert [(e.document, e.tools_document) for e in await registry.list()] == [(document, document)]


async def test_a_key_is_any_text(open_registry: OpenRegistry) -> None:
    registry = open_registry(REVIVES)
    for key in ("a b", "日本", "it's", '"q"', "a%2Fb", "a/b", "\\", "[1]", "$.x", "null", "1", "", "x" * 1024):
        await registry.register(register(key, owner=key, version=key))
        assert isinstance(await registry.renew(renew(key, owner=key)), Renewed)
        assert isinstance(await registry.renew(renew(key + "x")), Unknown)
        assert (await found(registry, key)).registration.key == key
        assert [event.key for event in await registry.events(dialect=DIALECT, key=key)] == [key]
        assert (await registry.deregister(deregister(key, owner=key))).registration.key == key


async def test_create_refuses_a_live_one_and_changes_nothing(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    await registry.register(register(mode="create"))
    before = await found(registry)
    clock.advance(1)
    with pytest.raises(AlreadyRegistered):
        await registry.register(register(mode="create", version="2.0", document=b"other"))
    assert await found(registry) == msgspec.structs.replace(before, judged_at=clock.now())
    assert await history(registry) == ["registered"]


async def test_update_needs_one(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    with pytest.raises(NotRegistered):
        await registry.register(register(mode="update"))
    await registry.register(register())
    assert not (await registry.register(register(mode="update", name="New"))).created
    assert (await found(registry)).registration.name == "New"
    clock.advance(TTL)
    with pytest.raises(NotRegistered):
        await registry.register(register(mode="update"))


async def test_update_does_not_bring_back_what_has_left(open_registry: OpenRegistry) -> None:
    registry = open_registry(REVIVES)
    await registry.register(register())
    await registry.deregister(deregister())
    with pytest.raises(NotRegistered):
        await registry.register(register(mode="update"))
    assert (await found(registry)).health is Health.GONE


async def test_registering_again_replaces_document_and_capabilities(
    open_registry: OpenRegistry, clock: ManualClock
) -> None:
    registry = open_registry(ENDS)
    await registry.register(register())
    await registry.advertise(advertise(tools_document=b"[1]"))
    assert (await found(registry)).registration.advertised
    clock.advance(10)
    outcome = await registry.register(register(document=b"new"))
    assert not outcome.created
    entry = await found(registry)
    assert (entry.document, entry.tools_document, entry.registration.advertised) == (b"new", None, False)
    assert entry.registration.registered_at == START
    assert entry.registration.lease.expires_at == START + 10 + TTL


async def test_a_deregistered_one_is_gone_where_the_policy_keeps_none(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    outcome = await registry.deregister(deregister())
    assert isinstance(outcome, Done)
    assert outcome.registration.key == "svc"
    assert await registry.find(DIALECT, "svc") is None
    assert await registry.list() == []
    assert await registry.versions(DIALECT, "svc") == []
    with pytest.raises(NotRegistered):
        await registry.deregister(deregister())
    assert isinstance(await registry.renew(renew()), Unknown)


@pytest.mark.parametrize("policy", [REFUSES, REVIVES])
async def test_a_deregistered_one_stays_revoked_where_the_policy_keeps_it(
    open_registry: OpenRegistry, policy: LeasePolicy
) -> None:
    registry = open_registry(policy)
    await registry.register(register())
    await registry.deregister(deregister())
    entry = await found(registry)
    assert (entry.alive, entry.health, entry.document) == (False, Health.GONE, b'{"id":1}')
    assert await registry.list(alive=True) == []
    with pytest.raises(NotRegistered):
        await registry.deregister(deregister())
    assert (await registry.register(register(mode="create"))).created
    assert await history(registry) == ["registered", "deregistered", "registered"]


async def test_the_list_is_by_dialect_and_key(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    for key in ("b", "a", "c"):
        await registry.register(register(key))
    assert [entry.registration.key for entry in await registry.list(DIALECT)] == ["a", "b", "c"]
    assert await registry.list("other") == []
    assert len(await registry.list()) == 3


async def test_only_the_owner_changes_what_is_owned(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(owner="alice"))
    before = await found(registry)
    for owner in ("bob", None):
        with pytest.raises(NotOwner):
            await registry.register(register(owner=owner))
        with pytest.raises(NotOwner):
            await registry.renew(renew(owner=owner))
        with pytest.raises(NotOwner):
            await registry.deregister(deregister(owner=owner))
    assert await found(registry) == before
    assert isinstance(await registry.renew(renew(owner="alice")), Renewed)
    await registry.deregister(deregister(forced=True))


async def test_an_approval_is_given_once_and_kept(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    with pytest.raises(NotRegistered):
        await registry.approve(approve())
    await registry.register(register(approved=False))
    clock.advance(5)
    await registry.renew(renew())
    assert (await found(registry)).registration.approved_at is None
    first = await registry.approve(approve())
    clock.advance(5)
    second = await registry.approve(approve())
    assert first.registration.approved_at == second.registration.approved_at == START + 5
    await registry.register(register(approved=False))
    assert (await found(registry)).registration.approved_at == START + 5
    assert await history(registry) == ["registered", "approved", "updated"]


async def test_versions_are_remembered_with_when_they_came(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(STAYS)
    await registry.register(register(version="1.0"))
    clock.advance(1)
    await registry.register(register(version="1.1"))
    clock.advance(10)
    await registry.renew(renew(version="1.2"))
    clock.advance(1)
    await registry.renew(renew(version="1.2"))
    assert [(v.version, v.since - START) for v in await registry.versions(DIALECT, "svc")] == [
        ("1.0", 0),
        ("1.1", 1),
        ("1.2", 11),
    ]
    assert (await found(registry)).registration.version == "1.2"
    assert await history(registry) == ["registered", "updated", "version_changed", "version_changed"]


@pytest.mark.parametrize("swept", [False, True])
async def test_one_that_ended_at_its_lapse_leaves_no_version_history(
    open_registry: OpenRegistry, clock: ManualClock, swept: bool
) -> None:
    registry = open_registry(ENDS)
    await registry.register(register(version="1.0"))
    clock.advance(TTL)
    if swept:
        await registry.expire()
    assert (await registry.register(register(version="2.0"))).created
    assert [v.version for v in await registry.versions(DIALECT, "svc")] == ["2.0"]


async def test_what_a_service_last_said_of_itself_is_kept(open_registry: OpenRegistry) -> None:
    registry = open_registry(STAYS)
    await registry.register(register())
    await registry.renew(renew(reported="degraded"))
    assert (await found(registry)).registration.reported == "degraded"
    await registry.renew(renew())
    assert (await found(registry)).registration.reported == "degraded"
    assert await history(registry) == ["registered", "health_changed"]


async def test_advertising_needs_a_registration(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    with pytest.raises(NotRegistered):
        await registry.advertise(advertise())
    await registry.register(register())
    clock.advance(TTL)
    with pytest.raises(NotRegistered):
        await registry.advertise(advertise())


async def test_the_actor_of_a_change_is_in_its_event(open_registry: OpenRegistry) -> None:
    registry = open_registry(ENDS)
    await registry.register(register())
    [event] = await registry.events()
    assert (event.actor, event.client_address, event.request_id) == (ACTOR.name, ACTOR.client_address, ACTOR.request_id)
    assert (event.at, event.dialect, event.key) == (START, DIALECT, "svc")
    assert event.detail == {"version": "1.0", "service": "Service", "service_address": "http://svc"}
