"""What a driver says when the database fails: in the log, and in no answer of any endpoint."""

import asyncio
from pathlib import Path

import pytest

from registry_gateway import adapter, settings
from registry_gateway.app import create_app
from registry_gateway.core.errors import StoreRefuses, StoreUnavailable, Unstorable
from registry_gateway.store.driver_errors import LostRace

DRIVER = 'could not connect to db7.internal port 5432: password authentication failed for user "registry"'


@pytest.mark.parametrize(
    "error", [StoreUnavailable(DRIVER), StoreRefuses(DRIVER), LostRace(DRIVER), Unstorable(DRIVER), OSError(DRIVER)]
)
def test_no_answer_repeats_it(tmp_path: Path, error: Exception) -> None:
    adapters = adapter.installed()
    given = {"REGISTRY_GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}
    gateway = create_app(settings.load(adapters, given), adapters)
    assert {*gateway.mounts} >= {"chap", "scaicontrol", "runspec", "catalogue", "admin", "prometheus", "gateway"}
    for name, mount in gateway.mounts.items():
        scope = {"type": "http", "method": "GET", "path": "/x", "headers": []}
        answer = mount.fault(error, scope)
        assert answer.status in (422, 500, 503), name
        for word in ("db7.internal", "password", "port 5432"):
            assert word not in answer.body.decode(), name
        if isinstance(error, StoreUnavailable) and not isinstance(error, StoreRefuses):
            assert "temporarily unavailable" in answer.body.decode(), name
            assert dict(answer.headers)[b"retry-after"] == b"1"
    asyncio.run(gateway.core.registry.close())
