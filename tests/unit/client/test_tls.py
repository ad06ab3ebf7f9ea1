"""The TLS of HTTP clients: made once, and anew where the variables name other authorities."""

from pathlib import Path

import pytest
import trustme

from registry_gateway.client.tls import client_tls


def test_clients_share_it_and_variables_choose_the_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    usual = client_tls()
    assert client_tls() is usual
    own = tmp_path / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(own))
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    assert client_tls() is not usual
    assert len(client_tls().get_ca_certs()) == 1
    assert len(usual.get_ca_certs()) > 50
