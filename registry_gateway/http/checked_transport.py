"""An HTTP transport for URLs that others choose: it connects only to allowed addresses."""

import asyncio
import socket

import httpx

from registry_gateway.client.tls import client_tls
from registry_gateway.core.destinations import Address, Destinations, worded
from registry_gateway.http.name_lookup import NameLookup

_LAST_PORT = 65_535


class ForbiddenAddress(httpx.RequestError):
    """The host of a URL has no address that is allowed. The message says what the first address is."""


class CheckedTransport(httpx.AsyncBaseTransport):
    """Looks up the host of each request, checks its addresses, and connects to one of those that were checked.

    Since each request is checked, so is the target of each redirect. Proxies in the environment are not used: they
    would look up the host themselves. No connection is kept for another request. The certificate of an https server
    must be valid for the host of the URL.
    """

    def __init__(self, destinations: Destinations) -> None:
        """Allow `destinations`. The first client of a process reads the certificates of authorities: some 20 ms."""
        self._destinations = destinations
        self._lookup = NameLookup()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._transport = httpx.AsyncHTTPTransport(verify=client_tls(), limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Its `timeout` extension applies; the look-up has the time for connecting.

        Raises:
            ForbiddenAddress: No address of the host is allowed.
            httpx.RequestError: There is no answer.
        """
        failed: httpx.TransportError | None = None
        for address in await self._allowed(request):
            try:
                return await self._transport.handle_async_request(_addressed(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing has been sent
                failed = error
        assert failed is not None  # noqa: S101 - there is at least one address
        raise failed

    async def _allowed(self, request: httpx.Request) -> list[Address]:
        host, port = request.url.raw_host.decode(), request.url.port  # raw: as TLS and `Host` have it, in ASCII
        if port is not None and port > _LAST_PORT:
            raise httpx.ConnectError(f"there is no port {port}")
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("connect")):
                found = dict.fromkeys(await self._lookup.addresses(host))
        except TimeoutError:
            raise httpx.ConnectTimeout(f"the name {host} was not looked up in time") from None
        except OSError as error:
            raise httpx.ConnectError(f"the name {host} can't be looked up: {error.strerror or error}") from None
        judged = {address: self._destinations.refusal(address, own=_is_own(address)) for address in found}
        refusals = [worded(host, address, refusal) for address, refusal in judged.items() if refusal is not None]
        if len(refusals) == len(judged):
            raise ForbiddenAddress(f"{refusals[0]}, to which no connection is made")
        return [address for address, refusal in judged.items() if refusal is None]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


def _addressed(request: httpx.Request, address: Address) -> httpx.Request:
    """Return the request with `address` as the host of its URL. Its `Host` header, and TLS, have the name."""
    extensions = {"target": request.url.raw_path, "sni_hostname": request.url.raw_host.decode(), **request.extensions}
    url = request.url.copy_with(host=str(address))
    return httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=extensions)


def _is_own(address: Address) -> bool:
    """Return whether this machine has the address: only such an address can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
