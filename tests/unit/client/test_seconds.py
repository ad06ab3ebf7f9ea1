"""Numbers of seconds: which can be used."""

import math

import pytest

from registry_gateway.client import AsyncCatalogue, Catalogue
from registry_gateway.client.seconds import checked


@pytest.mark.parametrize("seconds", [0, 0.5, 30, 1e9])
def test_usable(seconds: float) -> None:
    assert checked(seconds, "it") == seconds


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, -math.inf, 1.1e9])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=r"^it must be from 0 to 1,000,000,000 seconds, not (-|nan|inf|1\.1e)"):
        checked(seconds, "it")


def test_too_short() -> None:
    with pytest.raises(ValueError, match=r"^it must be from 0\.1 to 1,000,000,000 seconds, not 0\.05$"):
        checked(0.05, "it", least=0.1)


@pytest.mark.anyio
async def test_clients_check_theirs() -> None:
    for kind in (Catalogue, AsyncCatalogue):
        with pytest.raises(ValueError, match="retry_for must be from 0"):
            kind("http://gateway", retry_for=math.nan)
    with Catalogue("http://gateway") as catalogue, pytest.raises(ValueError, match="timeout must be from 0"):
        catalogue.wait_until("web", timeout=math.nan)
    async with AsyncCatalogue("http://gateway") as other:
        with pytest.raises(ValueError, match="timeout must be from 0"):
            await other.wait_until("web", timeout=math.inf)
