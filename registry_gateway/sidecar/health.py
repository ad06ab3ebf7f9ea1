"""Whether the service itself is well: an answer of its URL, or the exit code of a program."""

from collections.abc import Sequence

import httpx

from registry_gateway.client.registration.keeper import Check
from registry_gateway.client.tls import trusted
from registry_gateway.sidecar import programs
from registry_gateway.sidecar.children import Children
from registry_gateway.sidecar.programs import ProgramFailed

WITHIN = 5.0
"""Seconds that a check may take."""


def of_url(url: str, ca_file: str | None = None) -> Check:
    """Return the check that a GET of `url` is answered with a status below 400.

    It uses no proxy, because the service is beside the sidecar. `ca_file` has the certificates of authorities to trust.

    Raises:
        ValueError: The file can't be used.
    """
    verify = trusted(ca_file, url)

    async def check() -> str | None:
        try:
            async with httpx.AsyncClient(verify=verify, timeout=WITHIN, trust_env=False) as client:
                answer = await client.get(url)
        except httpx.TimeoutException:
            return f"{url} does not answer within {WITHIN:g} s"
        except (httpx.HTTPError, OSError) as error:
            return f"{url}: {str(error) or type(error).__name__}"
        return None if answer.status_code < 400 else f"{url} answers {answer.status_code}"

    return check


def of_command(children: Children, command: Sequence[str]) -> Check:
    """Return the check that a program ends with 0."""

    async def check() -> str | None:
        try:
            await programs.output(children, command, WITHIN, errors=True)
        except ProgramFailed as failed:
            return str(failed)
        return None

    return check
