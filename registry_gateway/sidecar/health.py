"""Whether the service itself is well: an answer of its URL, or the exit code of a program."""

import asyncio
import ssl
from collections.abc import Sequence

import httpx

from registry_gateway.client.registration.keeper import Check
from registry_gateway.client.tls import trusted
from registry_gateway.core import web_url
from registry_gateway.sidecar import programs
from registry_gateway.sidecar.children import Children
from registry_gateway.sidecar.programs import ProgramFailed

WITHIN = 5.0
"""Seconds that a check may take."""

MOST_BYTES = 2**20
"""Bytes of an answer after which the rest is not read."""


def of_url(url: str, ca_file: str | None = None) -> Check:
    """Return the check that a GET of `url` is answered with a status below 400.

    It uses no proxy, because the service is beside the sidecar. `ca_file` has the certificates of authorities to trust.

    Raises:
        ValueError: The file can't be used.
    """
    verify = trusted(ca_file, url)
    name = _without_secrets(url)

    async def check() -> str | None:
        try:
            async with asyncio.timeout(WITHIN):
                status = await _status(url, verify)
        except (TimeoutError, httpx.TimeoutException):
            return f"{name} does not answer within {WITHIN:g} s"
        except (httpx.HTTPError, OSError) as error:
            return f"{name}: {str(error) or type(error).__name__}"
        return None if status < 400 else f"{name} answers {status}"

    return check


def _without_secrets(url: str) -> str:
    """Return a URL without what may be secret: user, password and query."""
    parts = web_url.parsed(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


async def _status(url: str, verify: ssl.SSLContext) -> int:
    """Return the status of an answer. The body is read up to `MOST_BYTES`, and not kept."""
    received = 0
    async with (
        httpx.AsyncClient(verify=verify, timeout=WITHIN, trust_env=False) as client,
        client.stream("GET", url) as answer,
    ):
        async for piece in answer.aiter_raw():
            received += len(piece)
            if received > MOST_BYTES:
                break
        return answer.status_code


def of_command(children: Children, command: Sequence[str]) -> Check:
    """Return the check that a program ends with 0."""

    async def check() -> str | None:
        try:
            await programs.output(children, command, WITHIN, errors=True)
        except ProgramFailed as failed:
            return str(failed)
        return None

    return check
