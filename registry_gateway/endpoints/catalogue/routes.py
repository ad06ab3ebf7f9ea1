"""The catalogue's endpoints: authorize, decode the query, one read, encode."""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.routing import Route

from registry_gateway.adapter import Core
from registry_gateway.endpoints.catalogue.csv_lines import csv_lines
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.endpoints.catalogue.query import Counted, EventId, Events, Services, Watching
from registry_gateway.endpoints.catalogue.reader import Reader
from registry_gateway.endpoints.catalogue.render import listed, log_page, overview_body
from registry_gateway.endpoints.catalogue.tool_query import OneTool, Tools
from registry_gateway.endpoints.catalogue.tools import ToolReader
from registry_gateway.endpoints.catalogue.watch import Stream, Watch
from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.problem_details import Refused, bad_parameter
from registry_gateway.http.query import Nothing, decode
from registry_gateway.http.rendered import Rendered, render
from registry_gateway.http.routing import resource
from registry_gateway.registry.overviews import Overviews
from registry_gateway.registry.shared_read import SharedRead

Q = TypeVar("Q", bound=msgspec.Struct)


class Catalogue:
    """The catalogue's endpoints."""

    def __init__(self, core: Core, reader: Reader, tools: ToolReader, watch: Watch, overviews: Overviews) -> None:
        self._readers = core.readers
        self._findings = core.findings
        self._tool_command = core.tool_command
        self._notes = core.notes
        self._reader = reader
        self._overviews = overviews
        self._tool_reader = tools
        self._watch = watch
        self._lists = SharedRead(self._render_list)
        self._logs = SharedRead(self._render_log)
        self._stats = SharedRead(self._render_stats)
        self._tools = SharedRead(self._render_tools)

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return [
            resource("/catalog/v1/services", GET=self.services),
            resource("/catalog/v1/stats", GET=self.stats),
            resource("/catalog/v1/overview", GET=self.overview),
            resource("/catalog/v1/events", GET=self.watch),
            resource("/catalog/v1/log", GET=self.log),
            resource("/catalog/v1/log.csv", GET=self.log_csv),
            resource("/catalog/v1/tools", GET=self.tools),
            resource("/catalog/v1/tools/{name:anything}", GET=self.tool),
            resource("/catalog/v1/services/{dialect}/{key:anything}/events", GET=self.events),
            resource("/catalog/v1/services/{dialect}/{key:anything}", GET=self.service),
        ]

    async def services(self, call: Call) -> Answer:
        """GET /catalog/v1/services: a page of services, present or, with `?at=`, past."""
        query = await self._query(call, Services)
        return call.answer(await self._lists.submit(query))

    async def stats(self, call: Call) -> Answer:
        """GET /catalog/v1/stats: statistics of the registry."""
        query = await self._query(call, Counted)
        return call.answer(await self._stats.submit(query))

    async def overview(self, call: Call) -> Answer:
        """GET /catalog/v1/overview: the state of the registry and its last day, at most a minute old."""
        await self._query(call, Nothing)
        return call.answer(Rendered(msgspec.json.encode(overview_body(await self._overviews.get()))))

    async def watch(self, call: Call) -> Answer:
        """GET /catalog/v1/events: the services, then each change, until the client disconnects."""
        query = await self._query(call, Watching)
        allowed = partial(self._readers.authorize, call) if self._readers.protected else None
        return Stream(call, self._watch, query.wanted(), _resumed(call, query), allowed)

    async def log(self, call: Call) -> Answer:
        """GET /catalog/v1/log: a page of the events of all services."""
        rendered, _ = await self._logs.submit((await self._query(call, LogQuery), False))
        return call.answer(rendered)

    async def log_csv(self, call: Call) -> Answer:
        """GET /catalog/v1/log.csv: the same as CSV."""
        rendered, following = await self._logs.submit((await self._query(call, LogQuery), True))
        headers = {"Content-Disposition": 'attachment; filename="log.csv"'}
        if following is not None:
            headers["Link"] = f'<?{_with_cursor(call, following)}>; rel="next"'
        return call.answer(rendered, b"text/csv; charset=utf-8", headers)

    async def tools(self, call: Call) -> Answer:
        """GET /catalog/v1/tools: a page of the tools of all services."""
        query = await self._query(call, Tools)
        return call.answer(await self._tools.submit(query))

    async def tool(self, call: Call) -> Answer:
        """GET /catalog/v1/tools/{name}: the services that have a tool, or 404."""
        query = await self._query(call, OneTool)
        name, command = call.param("name"), partial(self._tool_command, call.base_url())
        found = await self._tool_reader.tool(name, query, command)
        if found is None:
            raise Refused(404, "Not Found", f"No registered service has a tool {name}")
        return call.answer(Rendered(msgspec.json.encode(found)))

    async def service(self, call: Call) -> Answer:
        """GET /catalog/v1/services/{dialect}/{key}: all details of a service, or 404."""
        await self._query(call, Nothing)
        dialect, key = call.param("dialect"), call.param("key")
        found = await self._reader.service(dialect, key, self._findings, self._notes)
        if found is None:
            raise _never_was(dialect, key)
        return call.answer(Rendered(msgspec.json.encode(found)))

    async def events(self, call: Call) -> Answer:
        """GET /catalog/v1/services/{dialect}/{key}/events: the events of a service, or 404."""
        query = await self._query(call, Events)
        dialect, key = call.param("dialect"), call.param("key")
        found = await self._reader.events(dialect, key, query)
        if found is None:
            raise _never_was(dialect, key)
        return call.answer(Rendered(msgspec.json.encode(found)))

    async def _query(self, call: Call, query: type[Q]) -> Q:
        """Check that the caller may read, and return the parameters of the request."""
        await self._readers.authorize(call)
        return decode(call.scope.get("query_string", b""), query)

    async def _render_list(self, query: Services) -> Rendered:
        return await render(listed(await self._reader.services(query, self._findings)))

    async def _render_log(self, asked: tuple[LogQuery, bool]) -> tuple[Rendered, str | None]:
        query, as_csv = asked
        page = await self._reader.happened(query)
        return await render(csv_lines(page.events) if as_csv else log_page(page)), page.next

    async def _render_tools(self, query: Tools) -> Rendered:
        return Rendered(msgspec.json.encode(await self._tool_reader.tools(query)))

    async def _render_stats(self, query: Counted) -> Rendered:
        return Rendered(msgspec.json.encode(await self._reader.stats(query)))


def _resumed(call: Call, query: Watching) -> int | None:
    """Return the id to resume after. The header wins, because a browser reconnects with the same URL."""
    sent = call.header(b"last-event-id")
    if not sent:
        return query.last_event_id
    try:
        number: int = msgspec.convert(sent, EventId, strict=False)
    except msgspec.ValidationError:
        raise bad_parameter("Last-Event-ID", "It is not the `id` of a message of this stream") from None
    return number


def _with_cursor(call: Call, following: str) -> str:
    """Return the query string of a request with another cursor."""
    given = parse_qsl(call.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
    return urlencode([*((name, value) for name, value in given if name != "cursor"), ("cursor", following)])


def _never_was(dialect: str, key: str) -> Refused:
    detail = f"There is no service {key} in the dialect {dialect}, and the log of events has none"
    return Refused(404, "Not Found", detail)
