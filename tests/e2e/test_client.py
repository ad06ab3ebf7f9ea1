"""The clients of the catalogue, with real gateways: each test runs with both."""

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from registry_gateway.client import (
    Catalogue,
    Change,
    Forbidden,
    Invalid,
    NoGateway,
    NotFound,
    NotKept,
    NotReached,
    Snapshot,
    Unauthorized,
    Unreachable,
)
from registry_gateway.core.status import Status
from tests.e2e.catalogue_client import KINDS, Client, watching
from tests.e2e.gateway import Gateway, running_gateway, unused_port
from tests.integration.command_line import output
from tests.local_gateway import LocalGateway, local_gateway

LONG = {"REGISTRY_GATEWAY_CHAP_TTL_SECONDS": "3600", "REGISTRY_GATEWAY_RUNSPEC_HEARTBEAT_INTERVAL": "600"}
"""Leases that do not end during a test."""


@pytest.fixture(params=KINDS)
def client(request: pytest.FixtureRequest) -> Client:
    """Each client in turn."""
    return KINDS[request.param]


@pytest.fixture(scope="module")
def gateway(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalGateway]:
    """A gateway with 1,200 models, one that is gone, and an agent with a tool."""
    database = shutil.copy(sqlite_template, tmp_path_factory.mktemp("client"))
    with local_gateway(f"sqlite:///{database}", **LONG) as gateway:
        for number in range(1_200):
            register(gateway, f"model-{number:04}", version="1.0.0" if number % 2 else "2.0.0")
        register(gateway, "moved")
        assert gateway.http.delete("/v2/services/moved").status_code == 204
        agent = {"instance_id": "web/01", "name": "portal", "version": "1.0", "host": "web-01.example.org"}
        assert gateway.http.post("/instances", json=agent).status_code == 201
        tools = {"tools": [{"name": "rotate", "description": "Rotate the logs", "inputSchema": {}}]}
        assert gateway.http.post("/instances/web%2F01/tools", json=tools).status_code == 200
        yield gateway


def register(gateway: Gateway | LocalGateway, key: str, version: str = "1.0.0") -> None:
    """Register a CHAP service."""
    info = {"id": key, "display_name": key.title(), "version": version}
    answer = gateway.http.post("/v2/services/$register", json={"url": f"http://{key}:8000", "info": info})
    assert answer.status_code == 200, answer.text


def test_services_of_all_pages(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        found = list(catalogue.services(dialect="chap"))
        assert [service.key for service in found] == [f"model-{number:04}" for number in range(1_200)]
        assert {service.status for service in found} == {Status.UP}
        assert found[7].address == "http://model-0007:8000"
        newest = [service.key for service in catalogue.services(dialect=["chap", "runspec"], sort="-registered_at")]
        assert newest[:2] == ["web/01", "model-1199"]
        assert len(list(catalogue.services(version="2.0.0"))) == 600
        assert [s.key for s in catalogue.services(name="portal", tool="ROT", match="contains")] == ["web/01"]
        [gone] = [service for service in catalogue.services(status=Status.GONE) if service.key == "moved"]
        assert gone.ended.kind == "deregistered"


def test_one_service(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        found = catalogue.service("runspec", "web/01")
        assert (found.name, found.tools, found.lease.alive) == ("portal", ["rotate"], True)
        assert msgspec.json.decode(found.document)["host"] == "web-01.example.org"
        assert catalogue.service("chap", "moved").status is Status.GONE
        with pytest.raises(NotFound, match="does not have it: There is no service nobody in the dialect chap"):
            catalogue.service("chap", "nobody")


def test_services_of_a_past_moment(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        [at] = [event.at for event in catalogue.log(kind="registered", key="moved")]
        assert [service.key for service in catalogue.services_at(at + 1e-4, q="moved")] == ["moved"]
        now = datetime.now(UTC)
        assert len(list(catalogue.services_at(now))) == 1_201
        with pytest.raises(NotKept, match="Events are kept since"):
            list(catalogue.services_at(datetime(2020, 1, 1, tzinfo=UTC)))


def test_tools(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        [tool] = catalogue.tools(q="rot")
        assert (tool.name, tool.up, tool.hosts[0].key) == ("rotate", 1, "web/01")
        [host] = catalogue.tool("rotate").hosts
        assert (host.description, host.status) == ("Rotate the logs", Status.UP)
        with pytest.raises(NotFound):
            catalogue.tool("a tool/that?nobody&has")


def test_the_log(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        assert len(list(catalogue.log(dialect="chap", kind=("registered", "deregistered")))) == 1_202
        last, first = catalogue.log(key="moved", since="1h")
        assert (last.kind, first.kind, last.actor) == ("deregistered", "registered", "anonymous")


def test_a_wrong_parameter_is_named(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue, pytest.raises(Invalid) as found:
        list(catalogue.services(sort="size"))
    assert (found.value.parameter, found.value.status) == ("sort", 400)
    assert "there are: key, -key" in str(found.value)


def test_the_watch(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue, watching(catalogue, name="Watched-1") as news:
        assert next(news) == Snapshot(services=[], missed=False)
        register(gateway, "watched-1")
        register(gateway, "other")
        changed = next(news)
        assert isinstance(changed, Change)
        assert (changed.event.kind, changed.service and changed.service.key) == ("registered", "watched-1")
        for key in ("other", "watched-1"):
            gateway.http.delete(f"/v2/services/{key}")
        changed = next(news)
        assert (changed.event.kind, changed.event.key, changed.service) == ("deregistered", "watched-1", None)


def test_a_service_that_has_the_status(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        assert catalogue.wait_until("web/01").status is Status.UP
        assert catalogue.wait_until("web/01", "up", dialect="runspec").name == "portal"
        for key in ("moved", "nobody"):
            assert catalogue.wait_until(key, "gone") is None


def test_a_service_that_gets_the_status(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        later = threading.Timer(0.3, register, [gateway, "awaited"])
        later.start()
        assert catalogue.wait_until("awaited").address == "http://awaited:8000"
        later.join()
        later = threading.Timer(0.3, gateway.http.delete, ["/v2/services/awaited"])
        later.start()
        assert catalogue.wait_until("awaited", "gone") is None
        later.join()


def test_a_wait_ends_in_time(gateway: LocalGateway, client: Client) -> None:
    with client(gateway.url) as catalogue:
        began = time.monotonic()
        with pytest.raises(NotReached, match=r"nobody is not up after 2 s: it is gone") as found:
            catalogue.wait_until("nobody", timeout=2)
        assert isinstance(found.value, TimeoutError)
        assert time.monotonic() - began < 5


def test_a_server_that_is_no_gateway(gateway: LocalGateway, client: Client) -> None:
    with client(f"{gateway.url}/docs", retry_for=0) as catalogue:
        with pytest.raises(NoGateway, match="is not a registry-gateway: it answers with 404"):
            list(catalogue.services())
        with pytest.raises(NoGateway), watching(catalogue) as news:
            next(news)


def test_nobody_there(client: Client) -> None:
    url = f"http://127.0.0.1:{unused_port()}"
    with client(url, retry_for=0) as catalogue:
        for read in (catalogue.services, catalogue.watch):
            with pytest.raises(Unreachable, match=f"can't reach {url}: .*; is it running, and is the URL right"):
                next(read())
        with pytest.raises(Unreachable, match=url):
            catalogue.wait_until("nobody")


@pytest.mark.parametrize("host", ["a..b", "xn--a", f"{'a' * 70}.example"])
def test_what_is_no_name_of_a_host_is_said_at_once(client: Client, host: str) -> None:
    began = time.monotonic()
    with client(f"http://{host}") as catalogue, pytest.raises(Unreachable, match=f"can't reach http://{host}: "):
        next(catalogue.services())
    assert time.monotonic() - began < 5


@pytest.mark.slow
def test_a_watch_goes_on_when_the_gateway_comes_back(tmp_path: Path, client: Client) -> None:
    with running_gateway(tmp_path, LONG) as gateway, client(gateway.url) as catalogue, watching(catalogue) as news:
        assert next(news) == Snapshot(services=[], missed=False)
        gateway.kill()
        gateway.start()
        register(gateway, "after")
        changed = next(news)
        assert isinstance(changed, Change)
        assert (changed.event.kind, changed.event.key) == ("registered", "after")


@pytest.mark.slow
def test_a_watch_starts_over_with_another_database(tmp_path: Path) -> None:
    with running_gateway(tmp_path, LONG) as gateway, Catalogue(gateway.url) as catalogue, watching(catalogue) as news:
        next(news)
        register(gateway, "lost")
        next(news)
        gateway.kill()
        for file in tmp_path.glob("registry.db*"):
            file.unlink()
        gateway.start()
        begun = next(news)
        assert begun == Snapshot(services=[], missed=True)


@pytest.mark.slow
def test_a_wait_outlasts_a_restart(tmp_path: Path) -> None:
    with running_gateway(tmp_path, LONG) as gateway, Catalogue(gateway.url) as catalogue:

        def restart() -> None:
            gateway.kill()
            gateway.start()
            register(gateway, "awaited")

        later = threading.Timer(0.5, restart)
        later.start()
        found = catalogue.wait_until("awaited", timeout=30)
        later.join()
        assert found is not None
        assert found.key == "awaited"


def test_tokens(sqlite_url: str, client: Client) -> None:
    with local_gateway(sqlite_url, REGISTRY_GATEWAY_PROTECT_CATALOG="true") as gateway:
        reader = output(sqlite_url, "accounts", "create", "reader", "--scope", "read:catalog").strip()
        other = output(sqlite_url, "accounts", "create", "other", "--scope", "registry:manage").strip()
        with client(gateway.url, reader) as catalogue:
            assert list(catalogue.services()) == []
            assert reader not in repr(catalogue)
            with watching(catalogue) as news:
                assert next(news) == Snapshot(services=[], missed=False)
        for token, error, words in (
            (None, Unauthorized, "needs a token"),
            (reader[:-1], Unauthorized, "does not accept the token"),
            (other, Forbidden, "refuses the token: .*read:catalog"),
        ):
            with client(gateway.url, token) as catalogue:
                for read in (lambda: list(catalogue.services()), lambda: next(catalogue.watch())):
                    with pytest.raises(error, match=words) as found:
                        read()
                    assert token is None or token not in f"{found.value!r} {found.value}"
