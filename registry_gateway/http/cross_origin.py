"""Reads by pages of other origins (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from registry_gateway.http.answer import WHOLE

_SENT = ("Authorization", "If-None-Match", "Last-Event-ID")
"""Headers that pages may send, besides those that need no permission."""

_SHOWN = ("Content-Disposition", "ETag", "Link", "Retry-After", "WWW-Authenticate", "X-Request-ID")
"""Headers of answers that pages may read, besides those that need no permission."""


def readable_from(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Return `app` for pages of `origins` too. They may GET, with a token but without cookies, and read errors."""
    cors = CORSMiddleware(app, allow_origins=origins, allow_methods=["GET"], allow_headers=_SENT, expose_headers=_SHOWN)

    async def readable(scope: Scope, receive: Receive, send: Send) -> None:
        # An answer that is written whole would not pass through the middleware.
        scope["extensions"] = {name: value for name, value in scope.get("extensions", {}).items() if name != WHOLE}
        await cors(scope, receive, send)

    return readable
