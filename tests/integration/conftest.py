"""What integration tests share: an issuer of ScaiKey's tokens, and a gateway that one writes to and another watches."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.conftest import GatewayFactory
from tests.integration.scaikey_issuer import Issuer, IssuerServer
from tests.integration.watcher import listening


@pytest.fixture(scope="session")
def issuer_server() -> Iterator[IssuerServer]:
    """A server of issuers, listening for the whole session."""
    server = IssuerServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def issuer(issuer_server: IssuerServer, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """An issuer of this test's own, reached without a proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return issuer_server.issuer()


@pytest.fixture
async def client(start_gateway: GatewayFactory, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway, who writes."""
    async with start_gateway(database_url) as client:
        yield client


@pytest.fixture
async def remote(client: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the same gateway, who watches."""
    async with listening(client) as remote:
        yield remote
