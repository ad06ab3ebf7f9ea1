"""The page at `/`, which shows the registered services. Its scripts read the data from the catalogue.

The server inserts only the gateway's URL and the commands that register a first service, so the page itself reveals no
more than `/docs`. docs/decisions/0010-the-page.md gives the reasons for this design.
"""

from collections.abc import Callable, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from starlette.routing import Route
from starlette.types import Scope

from registry_gateway import __version__
from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.rendered import Rendered
from registry_gateway.http.routing import resource
from registry_gateway.http.static_files import HTML, StaticFiles, for_browsers

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""No inline scripts or styles, no other origins, no framing. Scripts can't make markup of text (trusted types).

Images in `data:` URLs are for the icon with the number of services that are down.
"""

PAGES = (("Services", "/"), ("Tools", "/page/tools"), ("Events", "/page/events"))
"""The pages in the header: title and path."""

Welcome = Callable[[str], Sequence[Sequence[str]]]
"""Returns for the gateway's URL, for each dialect, its name and URL, and then the commands that register a service."""


class Page:
    """The pages for the list, for a service, for tools and for events, and their files."""

    def __init__(self, root_path: str, welcome: Welcome) -> None:
        """Serve the page under the path prefix `root_path`. `welcome` returns the commands for a first service."""
        self._root_path = root_path
        self._files = StaticFiles(__name__, ["scripts", "styles"], HEADERS)
        self._welcome = welcome

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return [
            resource("/", GET=self.services),
            resource("/services/{dialect}/{key:anything}", GET=self.service),
            resource("/page/tools", GET=self.tools),
            resource("/page/events", GET=self.events),
            resource("/page/{file}", GET=self.file),
        ]

    async def services(self, call: Call) -> Answer:
        """GET /: the list."""
        url = call.base_url()
        first = "".join(_dialect(lines) for lines in self._welcome(url))
        return _page(call, self._shell("services", "Services", first=first, url=escape(url)))

    async def service(self, call: Call) -> Answer:
        """GET /services/{dialect}/{key}: the same page for every service, even if it does not exist."""
        return _page(call, self._shell("service", "Service", url=escape(call.base_url())))

    async def tools(self, call: Call) -> Answer:
        """GET /page/tools: the tools of all services."""
        return _page(call, self._shell("tools", "Tools", url=escape(call.base_url())))

    async def events(self, call: Call) -> Answer:
        """GET /page/events: the log of events."""
        return _page(call, self._shell("events", "Events", url=escape(call.base_url())))

    async def file(self, call: Call) -> Answer:
        """GET /page/{file}: 200 or 404."""
        return self._files.answer(call, call.param("file"))

    def missing(self, scope: Scope) -> Answer | None:
        """Return the 404 page if the client accepts HTML, else None."""
        accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
        if b"text/html" not in accepted or scope["method"] not in ("GET", "HEAD"):
            return None
        answer = Answer(404, self._shell("missing", "Not found").pieces[0], headers={"Vary": "Accept"})
        return for_browsers(answer, HTML, HEADERS)

    def _shell(self, name: str, title: str, **values: str) -> Rendered:
        """Return a page. `values` are markup and must be escaped already."""
        root = escape(self._root_path)
        script = f'<script type="module" src="{root}/page/{name}.js"></script>\n' if f"{name}.js" in self._files else ""
        style = f'<link rel="stylesheet" href="{root}/page/{name}.css">\n' if f"{name}.css" in self._files else ""
        common = {"root": root, "version": escape(__version__), "page": name, "title": title}
        common |= {"style": style, "script": script}
        common["pages"] = "\n".join(_link(root, *page, current=page[0] == title) for page in PAGES)
        main = _template(name).substitute(values, **common)
        return Rendered(_template("shell").substitute(common, main=main).encode())


@cache
def _template(name: str) -> Template:
    return Template(files(__name__).joinpath("templates", f"{name}.html").read_text("utf-8"))


def _dialect(lines: Sequence[str]) -> str:
    """Return the welcome of a dialect as markup: its name, its URL, and the commands."""
    name, _, place = lines[0].partition(" ")
    commands = "\n".join(line.strip() for line in lines[1:])
    return (
        f"<section>\n<h3>{escape(name)}</h3>\n<p>at <code>{escape(place.strip())}</code></p>\n"
        f'<pre tabindex="0" role="group" aria-label="Commands for {escape(name)}">'
        f"<code>{escape(commands)}</code></pre>\n</section>\n"
    )


CURRENT = ' aria-current="page"'


def _link(root: str, title: str, path: str, *, current: bool) -> str:
    return f'<a href="{root}{path}"{CURRENT if current else ""}>{title}</a>'


def _page(call: Call, shell: Rendered) -> Answer:
    return for_browsers(call.answer(shell), HTML, HEADERS)
