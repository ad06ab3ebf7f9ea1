"""HTTPS with a certificate of one's own: agents trust it by `--registry-cert`, and refuse it without; so
does the client for Python, by `verify`.
"""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from registry_gateway.client import Unreachable
from tests.e2e.catalogue_client import KINDS
from tests.e2e.clients import RUNSPEC_LATEST
from tests.e2e.gateway import Gateway, Tls, running_gateway
from tests.e2e.polling import wait_until
from tests.e2e.runspec_agent import launch


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for 127.0.0.1 from an authority made for this."""
    directory = tmp_path_factory.mktemp("tls")
    paths = Tls(*(str(directory / f"{name}.pem") for name in Tls._fields))
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(paths.certificate)
    certificate.private_key_pem.write_to_path(paths.key)
    authority.cert_pem.write_to_path(paths.authority)
    return paths


@pytest.fixture(scope="module")
def gateway(tls: Tls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that serves HTTPS."""
    with running_gateway(tmp_path_factory.mktemp("https"), tls=tls) as gateway:
        yield gateway


def test_an_agent_that_trusts_the_authority_registers_and_stays(gateway: Gateway, tls: Tls, tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    agent = launch(
        RUNSPEC_LATEST, gateway, tmp_path / "agent", "trusting", None, heartbeat_data=[], authority=tls.authority
    )
    try:
        agent.wait_until_listed()
        agent.wait_for_a_heartbeat()
        assert agent.complaints() == []
    finally:
        agent.child.close()


def test_an_agent_that_does_not_says_so(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    agent = launch(RUNSPEC_LATEST, gateway, tmp_path / "agent", "wary", None, heartbeat_data=[])
    try:
        wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in agent.child.log(), "the agent complains")
        assert agent.document() is None
    finally:
        agent.child.close()


def test_the_addresses_handed_out_are_https(gateway: Gateway) -> None:
    body = {"url": "http://host:8000", "info": {"id": "my-model", "display_name": "My model"}}
    answer = gateway.http.post("/v2/services/$register", json=body)
    assert answer.json()["ping_url"] == f"{gateway.url}/v2/services/my-model/$ping"


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_for_python_that_trusts_the_authority_reads(gateway: Gateway, tls: Tls, kind: str) -> None:
    for verify in (tls.authority, ssl.create_default_context(cafile=tls.authority)):
        with KINDS[kind](gateway.url, verify=verify) as catalogue:
            list(catalogue.services())
            assert catalogue.wait_until("nobody", "gone") is None


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_does_not_says_so_at_once(gateway: Gateway, kind: str) -> None:
    with KINDS[kind](gateway.url) as catalogue:
        began = time.monotonic()
        for read in (catalogue.services, catalogue.watch):
            with pytest.raises(Unreachable, match=r"CERTIFICATE_VERIFY_FAILED.*set SSL_CERT_FILE"):
                next(read())
        assert time.monotonic() - began < 10
    with KINDS[kind](gateway.url.replace("https", "http"), retry_for=0) as catalogue, pytest.raises(Unreachable):
        next(catalogue.services())
