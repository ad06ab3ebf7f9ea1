"""Sending to receivers with TLS: the certificate must be valid for the host of the URL."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from registry_gateway.core.clock import SystemClock
from registry_gateway.webhooks.sender import Sender

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def receiver(authority: trustme.CA, *names: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A receiver with a certificate for some names: its port, and the bodies it got."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(2))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as listening:
        yield listening.sockets[0].getsockname()[1], bodies


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A private authority that the gateway trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return made


def sender() -> Sender:
    """A sender that may use loopback."""
    return Sender([ip_network("127.0.0.0/8")], SystemClock())


async def test_a_receiver_with_a_valid_certificate_gets_the_message(authority: trustme.CA) -> None:
    async with receiver(authority, "localhost") as (port, bodies):
        answer = await sender().send(f"https://localhost:{port}/", {}, b"{}")
    assert (answer.status, answer.error, bodies) == (200, None, [b"{}"])


@pytest.mark.parametrize("names", [["other.example"], ["127.0.0.2"]])
async def test_a_certificate_for_another_name_is_a_failure(authority: trustme.CA, names: list[str]) -> None:
    async with receiver(authority, *names) as (port, bodies):
        answer = await sender().send(f"https://localhost:{port}/", {}, b"{}")
    assert (answer.status, bodies) == (None, [])
    assert "CERTIFICATE_VERIFY_FAILED" in str(answer.error)


@pytest.mark.usefixtures("authority")
async def test_a_certificate_of_an_unknown_authority_is_a_failure() -> None:
    async with receiver(trustme.CA(), "localhost") as (port, bodies):
        answer = await sender().send(f"https://localhost:{port}/", {}, b"{}")
    assert bodies == []
    assert "CERTIFICATE_VERIFY_FAILED" in str(answer.error)
