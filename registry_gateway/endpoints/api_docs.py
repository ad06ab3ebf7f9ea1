"""/openapi.json, and /docs: Swagger UI from this package, with no line of it from anywhere else.

docs/decisions/0006-api-pages.md says why Swagger UI is here as files; of them, start.js is our own.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from html import escape
from typing import Any

from starlette.routing import Route

from registry_gateway.endpoints import openapi
from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.mount import Mount
from registry_gateway.http.operation import ETAG, IF_NONE_MATCH, NOT_MODIFIED, Detail, Operation, Parameter, Response
from registry_gateway.http.rendered import Rendered
from registry_gateway.http.routing import resource
from registry_gateway.http.static_files import HTML, StaticFiles, for_browsers

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
}
"""Swagger UI writes style attributes and shows icons as data: URLs; nothing else is let in, and no frame."""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>registry-gateway API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript. What it shows is in <a href="{root}/openapi.json">openapi.json</a>.</noscript>
<main id="api"></main>
<script src="{root}/docs/swagger-ui-bundle.js"></script>
<script src="{root}/docs/start.js" data-document="{root}/openapi.json"></script>
</body>
</html>
"""

OPERATIONS = (
    Operation(
        method="GET",
        path="/openapi.json",
        name="openapi",
        summary="This document",
        parameters=(IF_NONE_MATCH,),
        responses={200: Response("OpenAPI 3.1.", dict[str, Any], headers=ETAG), **NOT_MODIFIED},
    ),
    Operation(
        method="GET",
        path="/docs",
        name="docs",
        summary="This document as a page",
        parameters=(IF_NONE_MATCH,),
        responses={200: Response("Swagger UI.", str, "text/html", ETAG), **NOT_MODIFIED},
    ),
    Operation(
        method="GET",
        path="/docs/{file}",
        name="docs_file",
        summary="A file of that page",
        parameters=(Parameter("file", "Its name.", example="start.js"), IF_NONE_MATCH),
        responses={
            200: Response("A script.", str, "text/javascript", ETAG),
            **NOT_MODIFIED,
            404: Response("No such file.", Detail),
        },
    ),
)


class ApiPages:
    """The document and its page. Nothing to see until `publish`."""

    def __init__(self, root_path: str) -> None:
        """Take the path prefix the gateway is reached under."""
        self._root_path = root_path
        self._files = StaticFiles("registry_gateway.endpoints", "swagger_ui", HEADERS)
        self._mounts: Mapping[str, Mount] = {}
        self._page = Rendered(_PAGE.format(root=escape(root_path)).encode())

    def publish(self, mounts: Mapping[str, Mount]) -> None:
        """Take everything that is mounted. The document is made when first asked for: most gateways never are."""
        self._mounts = mounts

    @cached_property
    def _document(self) -> Rendered:
        return Rendered(openapi.document(self._mounts, self._root_path))

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return [
            resource("/openapi.json", GET=self.openapi),
            resource("/docs", GET=self.docs),
            resource("/docs/{file}", GET=self.file),
        ]

    async def openapi(self, call: Call) -> Answer:
        """GET /openapi.json."""
        return call.answer(self._document)

    async def docs(self, call: Call) -> Answer:
        """GET /docs."""
        return for_browsers(call.answer(self._page), HTML, HEADERS)

    async def file(self, call: Call) -> Answer:
        """GET /docs/{file}: 200 or 404."""
        return self._files.answer(call, call.param("file"))
