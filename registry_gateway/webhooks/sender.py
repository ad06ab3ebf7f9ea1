"""Sending messages to receivers, which may be slow, broken or hostile."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network
from typing import NamedTuple

import anyio
import httpx

import registry_gateway
from registry_gateway.client.retry_after import retry_after
from registry_gateway.core.clock import Clock
from registry_gateway.core.destinations import Address, Destinations, Network, worded
from registry_gateway.core.errors import InvalidUrl, UnusableUrl
from registry_gateway.http.checked_transport import CheckedTransport, ForbiddenAddress
from registry_gateway.http.name_lookup import NameLookup
from registry_gateway.observability.printable import printable
from registry_gateway.settings import PREFIX
from registry_gateway.webhooks import receiver_url

SECONDS = 10.0
"""Seconds for a whole delivery: look-up, connection, TLS, request and answer."""

LOOK_UP_SECONDS = 3.0
"""Seconds for the look-up of a name when a webhook is added."""

MOST_BYTES = 4_096
"""Bytes of an answer that are read. The rest is of no use, and the connection is closed."""

SHOWN_CHARACTERS = 200
"""Most characters of an answer that are shown, if it is an error."""

SETTING = f"{PREFIX}WEBHOOK_PRIVATE_NETWORKS"
"""The setting that names the private networks to which messages may be sent."""


_NAMED = Destinations(named=(ip_network("0.0.0.0/0"), ip_network("::/0")))
"""All addresses whose network can be named in that setting."""


class Answer(NamedTuple):
    """The result of a delivery.

    `status` is None if there was no answer. `error` says why the delivery failed; None: it succeeded. `retry_after` is
    the number of seconds that the receiver asked to wait; None: it did not.
    """

    status: int | None
    seconds: float
    error: str | None
    retry_after: float | None = None


class Sender:
    """Sends messages. Redirects are not followed, and proxies of the environment are not used."""

    def __init__(self, networks: Sequence[Network], clock: Clock) -> None:
        """Send to public addresses, and to those in `networks`. Certificates are read with the first message."""
        self._destinations = Destinations(named=networks)
        self._clock = clock
        self._opened: CheckedTransport | None = None

    async def check(self, url: str) -> None:
        """Return if messages may be sent to `url`. A name that can't be resolved now is accepted.

        Raises:
            InvalidUrl: It has not the form of a receiver's URL.
            UnusableUrl: Its host has only addresses that are not permitted.
        """
        receiver_url.check(url)
        try:
            host = httpx.URL(url).host
        except httpx.InvalidURL as error:
            raise InvalidUrl(f"the URL can't be used: {error}") from None
        found = [(a, self._destinations.refusal(a, own=False)) for a in await _addresses(host)]
        refusals = [(address, refusal) for address, refusal in found if refusal is not None]
        if refusals and len(refusals) == len(found):
            address, refusal = refusals[0]
            never = _NAMED.refusal(address, own=False) is not None
            advice = "nothing is sent there" if never else f"if that is intended, name its network in {SETTING}"
            raise UnusableUrl(f"{worded(host, address, refusal)}; {advice}")

    async def send(self, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Send a message; return the result, also of a failure. It takes at most `SECONDS`."""
        began = self._clock.monotonic()
        status, asked = None, None
        try:
            with anyio.fail_after(SECONDS):
                transport = await self._transport()
                response = await transport.handle_async_request(_request(url, headers, body))
                status, text = response.status_code, await _beginning(response)
            asked = retry_after(response.headers)
            error = None if 200 <= status < 300 else _refusal(status, text)
        except TimeoutError:
            error = f"no complete answer within {SECONDS:g} s"
        except ForbiddenAddress as refused:
            error = f"{refused}; {SETTING} names the networks that are permitted"
        except httpx.TimeoutException:
            error = f"no complete answer within {SECONDS:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            error = _shortened(str(failure) or type(failure).__name__)
        return Answer(status, self._clock.monotonic() - began, error, asked)

    async def _transport(self) -> CheckedTransport:
        if self._opened is None:  # in a thread: reading the certificates would delay heartbeats
            self._opened = await asyncio.to_thread(CheckedTransport, self._destinations)
        return self._opened


def _request(url: str, headers: dict[str, str], body: bytes) -> httpx.Request:
    own = {
        "content-type": "application/json",
        "user-agent": f"registry-gateway/{registry_gateway.__version__}",
        "accept-encoding": "identity",
    }
    limits = dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)
    return httpx.Request("POST", url, headers=own | headers, content=body, extensions={"timeout": limits})


async def _beginning(response: httpx.Response) -> str:
    """Return the first bytes of an answer as text, and close it."""
    found = b""
    try:
        async for piece in response.aiter_raw():
            found += piece
            if len(found) >= MOST_BYTES:
                break
    finally:
        await response.aclose()
    return found[:MOST_BYTES].decode("utf-8", "replace")


def _refusal(status: int, text: str) -> str:
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed; use the URL it leads to"
    said = _shortened(text.strip())
    return f"answered {status}: {said}" if said else f"answered {status}"


def _shortened(text: str) -> str:
    text = printable(text)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


async def _addresses(host: str) -> Sequence[Address]:
    """Return the addresses of a host; none if it can't be resolved now."""
    try:
        with anyio.fail_after(LOOK_UP_SECONDS):
            return await NameLookup().addresses(host)
    except (OSError, TimeoutError):
        return ()
