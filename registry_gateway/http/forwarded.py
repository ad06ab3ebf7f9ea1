"""Requests that come by a proxy: `X-Forwarded-For` and `X-Forwarded-Proto`, where the proxy is trusted."""

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware, _TrustedHosts

from registry_gateway.core.address import unmapped


class _Trusted(_TrustedHosts):
    """uvicorn's, for proxies that write IPv4 addresses in IPv6's form: nginx does, where it listens on `[::]`."""

    def get_trusted_client_address(self, x_forwarded_for: str) -> tuple[str, int]:
        """Return the address of the client, by what the trusted proxies say."""
        if ":" in x_forwarded_for:
            x_forwarded_for = ",".join(unmapped(part.strip()) for part in x_forwarded_for.split(","))
        host, port = super().get_trusted_client_address(x_forwarded_for)
        return unmapped(host), port


class Forwarded(ProxyHeadersMiddleware):
    """uvicorn's middleware. Its addresses have the same form as those of connections."""

    def __init__(self, app: Any, allowed: str) -> None:
        """Take the application, and the addresses, networks or `*` that are trusted, separated by commas."""
        super().__init__(app, allowed)
        self.trusted_hosts = _Trusted(allowed)
