"""Both clients of the catalogue behind one interface, so that a test runs with each."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from anyio.from_thread import start_blocking_portal

from registry_gateway.client import AsyncCatalogue, Catalogue

Client = Callable[..., Any]
"""`Catalogue`, or something like it."""


class Awaited:
    """`AsyncCatalogue` as a `Catalogue`: its coroutines and iterators run in a thread of their own."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._stack = ExitStack()
        self._portal = self._stack.enter_context(start_blocking_portal())
        self._catalogue = self._portal.call(lambda: AsyncCatalogue(*arguments, **options))

    def __enter__(self) -> "Awaited":
        return self

    def __exit__(self, *_: object) -> None:
        self._portal.call(self._catalogue.close)
        self._stack.close()

    def __repr__(self) -> str:
        return repr(self._catalogue)

    def __getattr__(self, name: str) -> Any:
        return lambda *a, **b: self._called(getattr(self._catalogue, name), *a, **b)

    def _called(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        found = method(*arguments, **options)
        if hasattr(found, "__anext__"):
            return self._iterated(found)
        return self._portal.call(lambda: found)

    def _iterated(self, found: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._portal.call(anext, found)
                except StopAsyncIteration:
                    return
        finally:
            self._portal.call(found.aclose)


KINDS = {"sync": Catalogue, "async": Awaited}
"""Both clients, by name."""


@contextmanager
def watching(catalogue: Any, **filters: Any) -> Iterator[Iterator[Any]]:
    """Watch for as long as the context is open."""
    news = catalogue.watch(**filters)
    try:
        yield news
    finally:
        news.close()
