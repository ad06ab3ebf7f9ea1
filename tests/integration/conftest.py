"""What integration tests share: an issuer of ScaiKey's tokens."""

from collections.abc import Iterator

import pytest

from tests.integration.scaikey_issuer import Issuer, IssuerServer


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
