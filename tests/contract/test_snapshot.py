"""The services of all dialects at one moment, on each database."""

import pytest

from registry_gateway.core.status import Status
from registry_gateway.registry import queries
from tests.conftest import START, ManualClock
from tests.contract.services import (
    DIALECT,
    ENDS,
    REVIVES,
    TTL,
    OpenRegistry,
    advertise,
    deregister,
    register,
    renew,
)

pytestmark = pytest.mark.anyio


async def test_a_snapshot_has_the_status_the_tools_and_the_last_event_of_each_service(
    open_registry: OpenRegistry,
) -> None:
    registry = open_registry(REVIVES)
    await registry.register(register("a", tools=("rotate", "copy", "rotate")))
    await registry.register(register("b", approved=False))
    await registry.register(register("c"))
    await registry.renew(renew("c", reported="degraded"))
    await registry.deregister(deregister("a"))
    await registry.register(register("a", tools=("copy",), version="2.0"))
    moment, entries = await registry.snapshot()
    log = await registry.events()
    assert moment == (log[-1].id, START)
    assert [(e.registration.key, e.status, list(e.tools)) for e in entries] == [
        ("a", Status.UP, ["copy"]),
        ("b", Status.PENDING, []),
        ("c", Status.DEGRADED, []),
    ]
    for entry in entries:
        about_it = [event.id for event in log if event.key == entry.registration.key]
        assert entry.last_event == about_it[-1]


async def test_a_snapshot_leaves_out_what_is_gone(open_registry: OpenRegistry, clock: ManualClock) -> None:
    registry = open_registry(ENDS)
    assert (await registry.snapshot()).entries == []
    await registry.register(register("lapses"))
    kept = open_registry(REVIVES)
    await kept.register(register("leaves"))
    await kept.deregister(deregister("leaves"))
    assert [e.registration.key for e in (await registry.snapshot()).entries] == ["lapses"]
    clock.advance(TTL)
    assert (await registry.snapshot()).entries == []


async def test_a_snapshot_of_many_has_each_once(open_registry: OpenRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 3)
    registry = open_registry(REVIVES)
    for number in range(7):
        await registry.register(register(f"svc-{number}"))
    entries = (await registry.snapshot()).entries
    assert [e.registration.key for e in entries] == [f"svc-{number}" for number in range(7)]


async def test_a_list_without_documents_is_the_same_list(open_registry: OpenRegistry) -> None:
    registry = open_registry(REVIVES)
    for key in "ab":
        await registry.register(register(key))
        await registry.advertise(advertise(key, b"[1]"))
    for dialect in (None, DIALECT):
        for alive in (False, True):
            full = await registry.list(dialect, alive=alive)
            bare = await registry.list(dialect, alive=alive, documents=False)
            assert [e.registration for e in bare] == [e.registration for e in full]
            assert [(e.document, e.tools_document) for e in bare] == [(b"", None)] * 2
            assert [(e.document, e.tools_document) for e in full] == [(b'{"id":1}', b"[1]")] * 2
