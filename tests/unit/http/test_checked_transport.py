"""Requests to URLs that others choose: the address that is checked is the one connected to."""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trustme

from registry_gateway.core.destinations import Destinations
from registry_gateway.http import name_lookup
from registry_gateway.http.checked_transport import CheckedTransport, ForbiddenAddress

pytestmark = pytest.mark.anyio

OWN = Destinations(own=True)
NAME = "model.example"
TIMEOUT = httpx.Timeout(5.0).as_dict()

Resolve = Callable[..., None]
"""`resolve(answer, answer, …)`: what look-ups of `NAME` find, one after the other; the last answer is not repeated."""


class Handler(BaseHTTPRequestHandler):
    """Answers with the host that was asked for, and the path as it was sent."""

    def do_GET(self) -> None:
        body = f"{self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server on loopback, which does not run yet."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Stands for the name server of `NAME`; other names are looked up as always."""
    system = socket.getaddrinfo
    answers: list[list[str] | OSError] = []

    def look_up(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host != NAME:
            return system(host, port, *arguments, **options)
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return [entry for address in answer for entry in system(address, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return lambda *given: answers.extend(given)


async def get(url: str, destinations: Destinations = OWN, seconds: float | None = None) -> str:
    """The body of the answer to a GET."""
    timeout = TIMEOUT if seconds is None else httpx.Timeout(seconds).as_dict()
    async with CheckedTransport(destinations) as transport:
        answer = await transport.handle_async_request(httpx.Request("GET", url, extensions={"timeout": timeout}))
        return (await answer.aread()).decode()


async def test_the_host_of_the_url_is_asked_for_at_the_checked_address(
    server: ThreadingHTTPServer, resolve: Resolve
) -> None:
    resolve(["127.0.0.1"], ["9.9.9.9"])
    url = f"http://{NAME}:{server.server_port}"
    assert await get(f"{url}/a%2Fb?c=%20") == f"{NAME}:{server.server_port} /a%2Fb?c=%20"
    # A second look-up, whose answer nothing has checked, would have used up the other answer.
    assert socket.getaddrinfo(NAME, None)[0][4][0] == "9.9.9.9"


async def test_an_address_in_the_url_is_checked_too(server: ThreadingHTTPServer) -> None:
    for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "localhost", "127.1", "0x7f000001", "2130706433"):
        url = f"http://{host}:{server.server_port}/"
        with pytest.raises(ForbiddenAddress, match="a loopback address, to which no connection is made"):
            await get(url, Destinations(private=True))
        assert (await get(url)).endswith(" /")


async def test_a_name_with_several_addresses(server: ThreadingHTTPServer, resolve: Resolve) -> None:
    url = f"http://{NAME}:{server.server_port}/"
    resolve(["169.254.169.254", "127.0.0.1"])
    assert (await get(url)).startswith(NAME)  # at the one that is allowed
    resolve(["127.0.0.2", "127.0.0.1"])
    assert (await get(url)).startswith(NAME)  # at the one that answers
    resolve(["169.254.169.254", "169.254.0.1"])
    with pytest.raises(ForbiddenAddress, match=r"^model\.example has 169\.254\.169\.254, the address of a metadata"):
        await get(url)


async def test_the_machine_is_recognized_by_its_addresses(server: ThreadingHTTPServer, resolve: Resolve) -> None:
    named = Destinations(named=[ipaddress.ip_network("127.0.0.1/32")])
    assert (await get(f"http://127.0.0.1:{server.server_port}/", named)).endswith(" /")
    # Loopback is allowed by its network alone; a private address of this machine is not.
    own = "127.0.0.1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):  # there is no network
        probe.connect(("192.0.2.1", 9))  # sends nothing
        own = probe.getsockname()[0]
    resolve([own])
    with pytest.raises(ForbiddenAddress, match=r"an address of the gateway's machine|a loopback address"):
        await get(f"http://{NAME}:{server.server_port}/", Destinations(private=True))


async def test_a_certificate_must_be_of_the_host_in_the_url(
    server: ThreadingHTTPServer, resolve: Resolve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(tls)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    resolve(["127.0.0.1"])
    assert await get(f"https://{NAME}:{server.server_port}/") == f"{NAME}:{server.server_port} /"
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        await get(f"https://127.0.0.1:{server.server_port}/")


async def test_names_that_can_not_be_looked_up(resolve: Resolve) -> None:
    resolve(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    with pytest.raises(httpx.ConnectError, match=r"the name model\.example can't be looked up: Name or service not"):
        await get(f"http://{NAME}/")
    with pytest.raises(httpx.ConnectError, match="can't be looked up"):
        await get(f"http://{'a' * 64}.example/")


async def test_a_port_that_does_not_exist() -> None:
    with pytest.raises(httpx.ConnectError, match="there is no port 65536"):
        await get("http://127.0.0.1:65536/")


async def test_a_look_up_that_hangs_delays_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: answered.wait(20) and [])
    monkeypatch.setattr(name_lookup, "MOST_LOOKUPS", 2)
    lookup = name_lookup.NameLookup()
    try:
        for _ in range(2):
            with pytest.raises(TimeoutError), anyio.fail_after(0.05):
                await lookup.addresses(NAME)
        with pytest.raises(OSError, match="too many host names"):
            await lookup.addresses(NAME)
    finally:
        answered.set()
    with anyio.fail_after(20):
        while True:
            try:
                assert await lookup.addresses(NAME) == []
                break
            except OSError:
                await anyio.sleep(0.01)


async def test_an_international_name_is_looked_up_as_tls_and_host_have_it(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, asked = socket.getaddrinfo, []

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return system("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert await get(f"http://straße.example:{server.server_port}/") == f"xn--strae-oqa.example:{server.server_port} /"
    assert asked == ["xn--strae-oqa.example"]
