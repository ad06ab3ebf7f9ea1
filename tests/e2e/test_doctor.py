"""`registry-gateway doctor URL`, at a gateway in another process: how it is reached, and what it says of services."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import commands
from tests.e2e.gateway import Gateway, Tls, running_gateway, unused_port
from tests.e2e.polling import wait_until
from tests.e2e.proxy import Proxy, answering_http_with_400
from tests.e2e.test_tls import tls

__all__ = ["tls"]  # a fixture; its module has the tests of HTTPS

REGISTER = "/v2/services/$register"


def doctor(url: str, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return commands.run(["doctor", url, *options], environment)


def codes(url: str, *options: str, **environment: str) -> list[str]:
    """What it finds, with an exit code that says whether it did."""
    done = doctor(url, "--json", *options, **environment)
    found = [finding["code"] for finding in json.loads(done.stdout)["findings"]]
    assert done.returncode == (1 if found else 0), done.stderr
    return found


def complaint(url: str, *options: str) -> str:
    """The one line it says when it can't look."""
    done = doctor(url, *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    return done.stderr


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway without a service."""
    with running_gateway(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def proxy(gateway: Gateway) -> Iterator[Proxy]:
    """A proxy before the gateway that does nothing wrong yet."""
    with Proxy(gateway.url).running() as proxy:
        yield proxy


def test_a_gateway_as_it_should_be(gateway: Gateway, proxy: Proxy) -> None:
    assert codes(gateway.url) == []
    assert codes(gateway.url + REGISTER) == []  # as a service has it
    assert codes(proxy.url) == []
    assert doctor(gateway.url).stdout == f"Nothing found in {gateway.url} with 0 live services\n"


def test_services_with_something_wrong(tmp_path: Path) -> None:
    with running_gateway(tmp_path, {"REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "60"}) as gateway:
        for key, host in (("a/b c", "localhost"), ("ünï", "no-such-host.invalid"), ("well", "192.0.2.7")):
            body = {"instance_id": key, "name": "n", "version": "1", "host": host}
            assert gateway.http.post("/instances", json=body).status_code == 201
        done = doctor(gateway.url, "--json")
        found = [(f["dialect"], f["key"], f["code"]) for f in json.loads(done.stdout)["findings"]]
        assert found == [("runspec", "a/b c", "loopback_address"), ("runspec", "ünï", "unresolvable_address")]
        assert (done.returncode, json.loads(done.stdout)["services"]) == (1, 3)


@pytest.mark.slow
def test_a_mass_lapse_is_told_in_the_same_words_everywhere(tmp_path: Path) -> None:
    with running_gateway(tmp_path, {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "1"}) as gateway:
        for number in range(6):
            body = {"url": "http://192.0.2.7", "info": {"id": f"model-{number}", "display_name": "Model"}}
            assert gateway.http.post(REGISTER, json=body).status_code == 200

        def lapsed() -> bool:
            log = gateway.http.get("/catalog/v1/log", params={"kind": "expired"}).json()
            return len(log["events"]) == 6

        wait_until(lapsed, "all six lapse", evidence=gateway.log)
        done = doctor(gateway.url, "--json")
        found = json.loads(done.stdout)["findings"]
        assert (found[0]["key"], found[0]["severity"], found[0]["code"]) == (None, "error", "mass_lapse")
        assert found[0]["summary"].startswith("6 of 6 chap services lapsed within ")
        assert done.returncode == 1
        overview = gateway.http.get("/catalog/v1/overview").json()
        assert [f["summary"] for f in overview["findings"]] == [f["summary"] for f in found]
        here = commands.run(
            ["doctor", "--json"],
            {
                "REGISTRY_GATEWAY_DATABASE_URL": f"sqlite:///{tmp_path}/registry.db",
                "REGISTRY_GATEWAY_HOST": "127.0.0.1",
            },
        )
        assert json.loads(here.stdout)["findings"] == found


@pytest.mark.slow
def test_a_catalogue_that_wants_a_token(tmp_path: Path) -> None:
    with running_gateway(tmp_path, {"REGISTRY_GATEWAY_PROTECT_CATALOG": "true"}) as gateway:
        token = gateway.token("dashboard", "read:catalog")
        assert codes(gateway.url) == ["catalogue_closed"]
        assert codes(gateway.url, REGISTRY_TOKEN=token) == []
        assert codes(gateway.url, "--token", token) == []
        done = doctor(gateway.url, "--token", "rgw_not_one")
        assert (done.returncode, "catalogue_closed" in done.stdout) == (1, True)
        assert "is unknown to the gateway" in done.stdout
        assert "rgw_not_one" not in done.stdout + done.stderr


def test_https_asked_of_a_plain_port(gateway: Gateway) -> None:
    assert codes(gateway.url.replace("http", "https")) == ["wrong_scheme"]
    assert "TLS spoken to a plain HTTP port" in gateway.log()


@pytest.mark.slow
def test_http_asked_of_a_tls_port(tls: Tls, tmp_path: Path) -> None:
    with running_gateway(tmp_path, tls=tls) as gateway:
        assert codes(gateway.url, SSL_CERT_FILE=tls.authority) == []
        assert codes(gateway.url.replace("https", "http"), SSL_CERT_FILE=tls.authority) == ["wrong_scheme"]
        assert "CERTIFICATE_VERIFY_FAILED" in complaint(gateway.url)
        with answering_http_with_400(gateway.port) as port:
            assert codes(f"http://127.0.0.1:{port}", SSL_CERT_FILE=tls.authority) == ["wrong_scheme"]


def test_a_path_too_long(gateway: Gateway) -> None:
    assert codes(f"{gateway.url}/registry/v2") == ["wrong_prefix"]


def test_a_proxy_that_redirects(gateway: Gateway, proxy: Proxy) -> None:
    proxy.moved_to = gateway.url
    done = doctor(proxy.url)
    assert done.returncode == 1
    assert f"Configure the services with {gateway.url}" in done.stdout


def test_a_token_goes_nowhere_but_where_it_was_meant_for(gateway: Gateway, proxy: Proxy) -> None:
    assert codes(gateway.url.replace("http", "https"), "--token", "t") == ["wrong_scheme", "token_not_sent"]
    proxy.moved_to = gateway.url
    assert codes(proxy.url, "--token", "t") == ["redirect", "token_not_sent"]
    proxy.moved_to = "http://["
    assert "redirects to an invalid URL" in complaint(proxy.url)


def test_a_proxy_that_loses_the_dollar(proxy: Proxy) -> None:
    proxy.lost = "$register"
    assert codes(proxy.url) == ["path_changed"]


def test_clocks_that_differ(proxy: Proxy) -> None:
    proxy.date = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert codes(proxy.url) == ["clock_skew"]


@pytest.mark.slow
def test_a_database_that_is_gone(tmp_path: Path) -> None:
    with running_gateway(tmp_path) as gateway:
        gateway.command("db", "downgrade", "0001")
        assert codes(gateway.url) == ["not_ready", "catalogue_closed"]
        gateway.command("db", "upgrade")


def test_nobody_there(gateway: Gateway) -> None:
    assert "can't reach" in complaint(f"http://127.0.0.1:{unused_port()}")
    assert "can't reach" in complaint("http://no-such-host.invalid")
    with Proxy(gateway.url).running() as proxy:
        proxy.lost = "/health"
        assert "no registry-gateway at" in complaint(proxy.url)
    with Proxy(gateway.url).running() as proxy:
        proxy.lost = "/ready"  # /health alone is what other servers answer too
        assert "is not a registry-gateway" in complaint(proxy.url)
