"""What a client of a dialect sends to keep a service registered, and how it reads the answers. No input or output.

An object of this kind is found through an entry point of the group `registry_gateway.client_dialects`. Its module must
import no server, so it is not a part of the adapter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, NamedTuple, TypedDict

import msgspec

GROUP = "registry_gateway.client_dialects"

Document = Mapping[str, Any]
"""The body of a registration, as JSON, in the words of its dialect."""

Body = Mapping[str, Any]
"""The JSON object of an answer; empty if it is none."""

Tools = Sequence[Mapping[str, Any]]
"""Tools in MCP's schema."""


class Usual(TypedDict, total=False):
    """What most dialects have in a document, each in a place of its own."""

    id: str
    name: str
    url: str
    host: str
    version: str


class Request(NamedTuple):
    """A request.

    Attributes:
        method: The HTTP method.
        path: The path below the gateway's URL, percent-encoded.
        body: The JSON body; None: there is none.
        on_conflict: What to send instead if the answer is 409.
    """

    method: str
    path: str
    body: object = None
    on_conflict: "Request | None" = None


@dataclass(frozen=True)
class ClientDialect:
    """A dialect, as its clients speak it.

    Attributes:
        name: Its name, that of its adapter.
        members: Where the usual members of a service (`Usual`) are in a document. Those that the dialect does not have
            are missing.
        required: The usual members without which the gateway refuses a document.
        secret_header: Returns the name and value of the header with a key or token.
        secret_variable: The environment variable with the key or token.
        lease: The seconds of a lease where no answer states them.
        register: Returns the request that registers a document.
        heartbeat: Returns the heartbeat of a document, given whether the service is well; None if a service that is not
            well must send none.
        deregister: Returns the request that deregisters a document.
        lease_of: Returns the seconds of the lease that the answer to a registration or heartbeat states; None if it
            states none.
        replaced: Returns whether the answer to a registration says that there was one with the same id.
        asks_again: Returns whether a successful answer to a heartbeat asks for the registration.
        tools: Returns the request that posts tools; None if the dialect has none apart from the document.
    """

    name: str
    members: Mapping[str, tuple[str, ...]]
    required: Sequence[str]
    secret_header: Callable[[str], tuple[str, str]]
    secret_variable: str
    lease: float
    register: Callable[[Document], Request]
    heartbeat: Callable[[Document, bool], Request | None]
    deregister: Callable[[Document], Request]
    lease_of: Callable[[Body], float | None] = field(default=lambda _body: None)
    replaced: Callable[[Body], bool] = field(default=lambda _body: False)
    asks_again: Callable[[Body], bool] = field(default=lambda _body: False)
    tools: Callable[[Document, Tools], Request] | None = None

    def value(self, document: Document, member: str) -> object:
        """Return a usual member of a document; None if it is missing, or the dialect does not have it."""
        if member not in self.members:
            return None
        found: object = document
        for name in self.members[member]:
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    def key(self, document: Document) -> str:
        """Return what the service is registered under."""
        return str(self.value(document, "id"))

    def completed(self, document: Document, usual: Usual) -> Document:
        """Return a copy of a document with these usual members.

        Raises:
            ValueError: The dialect does not have one of them, what it requires is missing, or JSON can't hold it.
        """
        whole = dict(document)
        for member, value in usual.items():
            if member not in self.members:
                raise ValueError(f"{self.name} has no {member} (it has {', '.join(self.members)})")
            whole = _with(whole, self.members[member], str(value))
        missing = [member for member in self.required if not self.value(whole, member)]
        if missing:
            places = ", ".join(".".join(self.members[member]) for member in missing)
            raise ValueError(f"{self.name} needs {' and '.join(missing)} (in a document: {places})")
        _check_encodable(whole)
        return whole


def _with(document: Document, path: Sequence[str], value: str) -> dict[str, Any]:
    first, *rest = path
    inner = document.get(first)
    return {**document, first: _with(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}


def _check_encodable(document: Document) -> None:
    try:
        msgspec.json.encode(document)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"the document can't be written as JSON: {error}") from None


def names() -> Sequence[str]:
    """Return the names of the installed dialects."""
    return sorted(entry_points(group=GROUP).names)


def named(name: str) -> ClientDialect:
    """Return an installed dialect.

    Raises:
        ValueError: It is not installed.
    """
    for entry in entry_points(group=GROUP, name=name):
        found: ClientDialect = entry.load()
        return found
    raise ValueError(f"no dialect {name} (installed: {', '.join(names())})")
