"""What is requested, and of what type the answer is. No input or output."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

from registry_gateway.client.filters import encoded
from registry_gateway.client.services import PastPage, PastService, Service, ServicePage
from registry_gateway.core.model import Event
from registry_gateway.wire.catalogue import LogPage, ServiceDetail
from registry_gateway.wire.tools import Tool, ToolDetail, ToolList

MOST = 1000
"""Most entries of a page, and most services that have a tool: what the gateway allows."""

T = TypeVar("T")
P = TypeVar("P", bound="Page")


class Get(NamedTuple, Generic[T]):
    """A GET of a path, which has its query, and the type of the answer."""

    path: str
    kind: type[T]


class Page(Protocol):
    """A page of a list. `next` is the cursor of the next page; None on the last."""

    @property
    def next(self) -> str | None: ...


class Pages(Generic[P, T]):
    """A list that is read in pages: request `page` while there is one, and pass it to `take`."""

    def __init__(
        self, path: str, filters: Mapping[str, object], kind: type[P], entries: Callable[[P], Sequence[T]], cursor: str
    ) -> None:
        """Begin with the first page.

        Args:
            path: The path of the list.
            filters: The query.
            kind: The type of a page.
            entries: Returns those of a page.
            cursor: The parameter for `next` of the page before.
        """
        self._path = path
        self._query: dict[str, object] = {**filters, "limit": MOST}
        self._kind = kind
        self._entries = entries
        self._cursor = cursor
        self.page: Get[P] | None = self._request()

    def _request(self) -> Get[P]:
        return Get(f"{self._path}?{encoded(self._query)}", self._kind)

    def take(self, page: P) -> Sequence[T]:
        """Return the entries of a page that was read."""
        self._query[self._cursor] = page.next
        self.page = None if page.next is None else self._request()
        return self._entries(page)


def services(filters: Mapping[str, object]) -> Pages[ServicePage, Service]:
    """Return the pages of the list of services."""
    return Pages("services", filters, ServicePage, lambda page: page.services, "cursor")


def services_at(moment: object, filters: Mapping[str, object]) -> Pages[PastPage, PastService]:
    """Return the pages of the list of services at a moment."""
    return Pages("services", {**filters, "at": moment}, PastPage, lambda page: page.services, "cursor")


def log(filters: Mapping[str, object]) -> Pages[LogPage, Event]:
    """Return the pages of the log."""
    return Pages("log", filters, LogPage, lambda page: page.events, "cursor")


def tools(filters: Mapping[str, object]) -> Pages[ToolList, Tool]:
    """Return the pages of the list of tools."""
    return Pages("tools", filters, ToolList, lambda page: page.tools, "after")


def service(dialect: str, key: str) -> Get[ServiceDetail]:
    """Return the request for one service."""
    return Get(f"services/{quote(dialect, safe='')}/{quote(key, safe='')}", ServiceDetail)


def tool(name: str) -> Get[ToolDetail]:
    """Return the request for one tool."""
    return Get(f"tools/{quote(name, safe='')}?limit={MOST}", ToolDetail)
