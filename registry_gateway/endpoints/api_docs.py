"""/openapi.json and /docs, which is Swagger UI from files of this package.

docs/decisions/0006-api-pages.md gives the reasons. All files but start.js and page.css are Swagger UI's.
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
"""Swagger UI needs style attributes and icons in data: URLs. Other sources, and framing, are forbidden."""

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>registry-gateway API</title>
<link rel="icon" href="{root}/page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{root}/docs/swagger-ui.css">
<link rel="stylesheet" href="{root}/docs/page.css">
</head>
<body>
<noscript>This page needs JavaScript. What it shows is in <a href="{root}/openapi.json">openapi.json</a>.</noscript>
<header class="back">
<strong>registry-gateway API</strong>
<nav aria-label="Pages"><a href="{root}/">Services</a></nav>
</header>
<div id="api"></div>
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
        summary="Get this document",
        parameters=(IF_NONE_MATCH,),
        responses={200: Response("OpenAPI 3.1.", dict[str, Any], headers=ETAG), **NOT_MODIFIED},
    ),
    Operation(
        method="GET",
        path="/docs",
        name="docs",
        summary="Get this document as a page",
        parameters=(IF_NONE_MATCH,),
        responses={200: Response("Swagger UI.", str, "text/html", ETAG), **NOT_MODIFIED},
    ),
    Operation(
        method="GET",
        path="/docs/{file}",
        name="docs_file",
        summary="Get a file of that page",
        parameters=(Parameter("file", "Name of the file.", example="start.js"), IF_NONE_MATCH),
        responses={
            200: Response("A script.", str, "text/javascript", ETAG),
            **NOT_MODIFIED,
            404: Response("No such file.", Detail),
        },
    ),
)


class ApiPages:
    """The OpenAPI document and its page. The document is empty until `publish` is called."""

    def __init__(self, root_path: str) -> None:
        """Build the page. `root_path` is the path prefix of the gateway."""
        self._root_path = root_path
        self._files = StaticFiles("registry_gateway.endpoints", ["swagger_ui"], HEADERS)
        self._mounts: Mapping[str, Mount] = {}
        self._page = Rendered(_PAGE.format(root=escape(root_path)).encode())

    def publish(self, mounts: Mapping[str, Mount]) -> None:
        """Set the mounts that the document describes. It is made at the first request for it."""
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
