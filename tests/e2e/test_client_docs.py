"""The examples of docs/python-client.md, run as they are against a real gateway, but for its address."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from registry_gateway import client
from tests.e2e.child import Child
from tests.e2e.polling import wait_until
from tests.e2e.test_client import LONG, register
from tests.local_gateway import LocalGateway, local_gateway

PAGE = Path(__file__).parents[2] / "docs" / "python-client.md"
LISTING, DETAILS, WAITING, FOLLOWING, ACCESS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture
def gateway(sqlite_url: str) -> Iterator[LocalGateway]:
    """A gateway."""
    with local_gateway(sqlite_url, **LONG) as gateway:
        yield gateway


@contextmanager
def running(example: str, gateway: LocalGateway, directory: Path) -> Iterator[Child]:
    """An example as a process, at a gateway. Warnings are errors."""
    program = directory / "example.py"
    program.write_text(example.replace("http://localhost:8765", gateway.url))
    command = [sys.executable, "-u", "-W", "error", str(program)]
    log = directory / "example.log"
    log.unlink(missing_ok=True)
    child = Child(command, log=log, directory=directory, environment={})
    try:
        yield child
    finally:
        child.close()


def printed(example: str, gateway: LocalGateway, directory: Path) -> str:
    """What an example prints, which must end well."""
    with running(example, gateway, directory) as child:
        wait_until(lambda: child.exit_code is not None, "the example ends", evidence=child.log)
        assert child.exit_code == 0, child.log()
        return child.log()


def test_reading(gateway: LocalGateway, tmp_path: Path) -> None:
    assert printed(DETAILS, gateway, tmp_path).startswith("no such service")
    register(gateway, "my-model", version="1.2.3")
    register(gateway, "other")
    gateway.http.delete("/v2/services/other")
    assert printed(LISTING, gateway, tmp_path) == "my-model 1.2.3 http://my-model:8000\n"
    details = printed(DETAILS, gateway, tmp_path)
    assert details.startswith("up LeaseView(alive=True")
    assert "other deregistered None\n0 services were alive a day ago" in details
    assert printed(ACCESS, gateway, tmp_path) == ""


def test_waiting(gateway: LocalGateway, tmp_path: Path) -> None:
    assert printed(WAITING.replace("timeout=5", "timeout=2"), gateway, tmp_path) == (
        "my-model is not up after 2 s: it is gone\n"
    )
    with running(WAITING, gateway, tmp_path) as child:
        register(gateway, "my-model")
        wait_until(lambda: child.exit_code is not None, "the wait is over", evidence=child.log)
        assert child.log() == "ready: http://my-model:8000\n"


def test_following(gateway: LocalGateway, tmp_path: Path) -> None:
    with running(FOLLOWING, gateway, tmp_path) as child:
        wait_until(lambda: child.log() == "began 0\n", "the watch begins", evidence=child.log)
        register(gateway, "my-model")
        wait_until(lambda: "registered my-model up\n" in child.log(), "the change is printed", evidence=child.log)
        gateway.http.delete("/v2/services/my-model")
        assert child.exit_code is None, child.log()


def test_every_error_is_in_the_page() -> None:
    errors = [name for name in client.__all__ if issubclass(getattr(client, name), client.GatewayError)]
    assert len(errors) > 10
    assert [name for name in errors if f"`{name}`" not in PAGE.read_text()] == []


def test_every_method_is_in_the_page() -> None:
    for kind in (client.Catalogue, client.AsyncCatalogue):
        methods = [name for name in vars(kind) if not name.startswith("_") and name != "close"]
        assert [name for name in methods if f"`{name}(" not in PAGE.read_text()] == []
