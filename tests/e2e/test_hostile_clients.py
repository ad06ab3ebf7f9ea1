"""A gateway process and clients that mean no good: what they cost it, and what others notice of them."""

import re
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.polling import wait_until

KEY = "service-key-0123456789"
BODY = b'{"url": "http://192.0.2.1:8000", "info": {"id": "%s", "display_name": "Model"}}'
LINGER_NOT = struct.pack("ii", 1, 0)
MEBIBYTE = 1024 * 1024


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    settings = {"REGISTRY_GATEWAY_FORWARDED_ALLOW_IPS": "127.0.0.1"}
    with running_gateway(tmp_path, settings) as gateway:
        yield gateway


def connected(gateway: Gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=60)


def answers(client: socket.socket) -> bytes:
    """All that comes until the gateway closes."""
    received = b""
    with suppress(ConnectionResetError):
        while some := client.recv(65_536):
            received += some
    return received


def register(key: bytes, *headers: bytes) -> bytes:
    """A registration as bytes."""
    body = BODY % key
    head = b"".join(b"%s\r\n" % header for header in (b"Host: gateway", b"Content-Length: %d" % len(body), *headers))
    return b"POST /v2/services/$register HTTP/1.1\r\n%s\r\n%s" % (head, body)


def memory(gateway: Gateway) -> int:
    """Bytes of memory that are resident."""
    try:
        status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    except FileNotFoundError:
        pytest.skip("memory is read from /proc, which this system has not")
    found = re.search(r"VmRSS:\s+([0-9]+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def abandoned(gateway: Gateway) -> int:
    """Requests whose clients left."""
    found = re.search(r"^registry_gateway_requests_abandoned_total (\S+)$", gateway.http.get("/metrics").text, re.M)
    assert found is not None
    return int(float(found[1]))


def test_a_trailer_is_no_credential_and_no_address(tmp_path: Path) -> None:
    with running_gateway(tmp_path, {"SERVICEKIT_REGISTRATION_KEY": KEY}) as gateway:
        for key, headers, trailers in (
            (b"refused", b"", b"X-Service-Key: %s\r\n" % KEY.encode()),
            (b"known", b"X-Service-Key: %s\r\n" % KEY.encode(), b"X-Forwarded-For: 203.0.113.9\r\n"),
        ):
            body = BODY % key
            with connected(gateway) as client:
                client.sendall(
                    b"POST /v2/services/$register HTTP/1.1\r\nHost: gateway\r\nX-Forwarded-For: 192.0.2.9\r\n"
                    b"Transfer-Encoding: chunked\r\nConnection: close\r\n%s\r\n%x\r\n%s\r\n0\r\n%s\r\n"
                    % (headers, len(body), body, trailers)
                )
                assert answers(client).startswith(b"HTTP/1.1 " + (b"200" if headers else b"422"))
        assert [service["id"] for service in gateway.listed("/v2/services")["services"]] == ["known"]
        events = gateway.command("events", "--json")
        assert '"192.0.2.9"' in events
        assert "203.0.113.9" not in events


@pytest.mark.parametrize(
    "unit",
    [pytest.param(b"X-A: b\r\n" * 8_000, id="many"), pytest.param(b"a" * 64_000, id="one")],
)
@pytest.mark.slow
def test_trailers_without_end_take_no_memory(gateway: Gateway, unit: bytes) -> None:
    before, sent = memory(gateway), 0
    with connected(gateway) as client, suppress(ConnectionError):
        client.sendall(b"POST /x HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ")
        while sent < 50 * MEBIBYTE:
            client.sendall(unit)
            sent += len(unit)
    assert sent < 50 * MEBIBYTE
    assert memory(gateway) - before < 20 * MEBIBYTE


@pytest.mark.slow
def test_requests_without_end_take_little_memory_and_others_are_answered(gateway: Gateway) -> None:
    request = b"GET / HTTP/1.1\r\n\r\n"
    gateway.http.get("/")
    before = memory(gateway)
    with ExitStack() as stack:
        waiting = [(stack.enter_context(connected(gateway)), memoryview(request * 14_563)) for _ in range(20)]
        for client, _ in waiting:
            client.setblocking(False)
        ends = time.monotonic() + 3
        while time.monotonic() < ends:
            waiting = [(client, _sent(client, rest)) for client, rest in waiting]
            assert gateway.http.get("/health").status_code == 200
        assert memory(gateway) - before < 40 * MEBIBYTE


def _sent(client: socket.socket, rest: memoryview) -> memoryview:
    """Send what can be sent at once; what is left."""
    try:
        return rest[client.send(rest) :] if rest else rest
    except BlockingIOError:
        return rest


def test_a_stray_byte_takes_no_answer_away(gateway: Gateway) -> None:
    for number in range(20):
        with connected(gateway) as client:
            client.sendall(register(b"stray-%d" % number) + b"\x01")
            assert re.findall(rb"HTTP/1.1 ([0-9]+)", answers(client)) == [b"200", b"400"]
    assert gateway.listed("/v2/services")["count"] == 20


def test_clients_that_leave_are_counted_and_not_logged(gateway: Gateway) -> None:
    for number in range(30):
        with connected(gateway) as client:
            client.sendall(b"GET /catalog/v1/services HTTP/1.1\r\nHost: gateway\r\n\r\n" * 2)
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
    for _ in range(30):
        with connected(gateway) as client:
            client.sendall(register(b"cut-short")[:-1])
    wait_until(lambda: abandoned(gateway) >= 30, "the unfinished requests are counted", evidence=gateway.log)
    assert not re.search(r"request failed|request refused|status=", gateway.log())
    gateway.check_traces()
    assert gateway.listed("/v2/services")["count"] == 0


@pytest.mark.slow
def test_requests_that_are_not_finished_do_not_hold_up_a_stop(gateway: Gateway) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(gateway)) for _ in range(50)]
        for client in clients:
            client.sendall(register(b"unfinished")[:-1])
        gateway.http.get("/health")
        assert gateway.process.terminate() == 0
        for client in clients:
            assert answers(client).startswith(b"HTTP/1.1 503 ")
    gateway.check_traces()
    gateway.start()


@pytest.mark.slow
def test_an_ipv4_proxy_of_a_gateway_on_every_address_is_trusted(tmp_path: Path) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this system has no sockets for IPv4 and IPv6 together")
    with running_gateway(tmp_path, host="::") as gateway:
        for number, headers in enumerate(
            [(), (b"X-Forwarded-For: 192.0.2.9",), (b"X-Forwarded-For: ::ffff:192.0.2.8",)]
        ):
            with connected(gateway) as client:
                client.sendall(
                    register(b"service-%d" % number, b"X-Forwarded-Proto: https", b"Connection: close", *headers)
                )
                assert b'"ping_url":"https://gateway/' in answers(client)
        events = gateway.command("events", "--json")
        assert "ffff" not in events
        for address in ("127.0.0.1", "192.0.2.9", "192.0.2.8"):
            assert f'"{address}"' in events
