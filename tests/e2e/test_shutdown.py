"""SIGTERM: the gateway finishes what it has begun, takes nothing new, and ends in order."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.gateway import Gateway, running_gateway
from tests.e2e.polling import wait_until

BODY = b'{"instance_id": "late", "name": "portal", "version": "1", "host": "web-1"}'


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    with running_gateway(tmp_path) as gateway:
        yield gateway


def refuses_connections(gateway: Gateway) -> bool:
    try:
        socket.create_connection(("127.0.0.1", gateway.port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_request_in_flight_is_answered_and_kept(gateway: Gateway) -> None:
    head = (
        "POST /instances HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(head.encode())
        # The server asks for the body when the application does: from here on the request is in flight.
        assert client.recv(1024).startswith(b"HTTP/1.1 100 ")

        gateway.process.terminate_soon()
        wait_until(lambda: refuses_connections(gateway), "no new connection is taken", evidence=gateway.log)
        assert gateway.process.exit_code is None
        client.sendall(BODY)
        answer = b"".join(iter(lambda: client.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 201 "), answer
    assert answer.endswith(b'{"status":"ok"}')
    assert gateway.process.wait() == 0, gateway.log()
    gateway.check_traces()
    gateway.start()
    assert gateway.listed("/instances/late")["host"] == "web-1"


@pytest.mark.slow
def test_an_idle_connection_does_not_hold_it_up(gateway: Gateway) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert idle.recv(1024).startswith(b"HTTP/1.1 200 ")
        asked_at = time.monotonic()

        assert gateway.process.terminate() == 0

        assert time.monotonic() - asked_at < 5
