"""Middleware for `X-Forwarded-For` and `X-Forwarded-Proto` from trusted proxies."""

from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware, _TrustedHosts

from registry_gateway.core.address import unmapped


class _Trusted(_TrustedHosts):
    """uvicorn's class, extended for IPv4-mapped IPv6 addresses. nginx sends these when it listens on `[::]`."""

    def get_trusted_client_address(self, x_forwarded_for: str) -> tuple[str, int]:
        """Return the client's address according to the trusted proxies."""
        if ":" in x_forwarded_for:
            x_forwarded_for = ",".join(unmapped(part.strip()) for part in x_forwarded_for.split(","))
        host, port = super().get_trusted_client_address(x_forwarded_for)
        return unmapped(host), port


class Forwarded(ProxyHeadersMiddleware):
    """uvicorn's middleware, with addresses in the same form as those of connections."""

    def __init__(self, app: Any, allowed: str) -> None:
        """Wrap `app`. `allowed` lists the trusted addresses and networks, separated by commas, or is `*`."""
        super().__init__(app, allowed)
        self.trusted_hosts = _Trusted(allowed)
