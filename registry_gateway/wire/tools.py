"""The bodies of the catalogue's answers about tools."""

from typing import Annotated

import msgspec
from msgspec import Meta

from registry_gateway.core.status import Status


class ToolHost(msgspec.Struct, frozen=True, kw_only=True):
    """A service that has a tool."""

    dialect: str
    key: str
    name: str
    address: str | None
    status: Status


class ToolOnHost(ToolHost, frozen=True, kw_only=True):
    """A service that has a tool, with what it says of the tool."""

    description: str | None
    extensions: Annotated[
        dict[str, msgspec.Raw],
        Meta(description="The members of the tool that start with `x-`, such as `x-command` of a runspec agent."),
    ]
    command: Annotated[
        str | None, Meta(description="The command line that runs the tool there, if its dialect has one.")
    ]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool in the list. `services` are registered with it, `up` of them are up or degraded.

    `description` and `extensions` are those of the first of `hosts`, which are at most five services, live ones first.
    """

    name: str
    services: int
    up: int
    description: str | None
    extensions: dict[str, msgspec.Raw]
    hosts: list[ToolHost]


class ToolList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of tools by name. `total` counts all pages; `next` is the `after` of the next page, null on the last."""

    total: int
    next: str | None
    tools: list[Tool]


class ToolDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A tool with the services that have it, live ones first. `total` counts them, also those beyond the limit."""

    name: str
    total: int
    hosts: list[ToolOnHost]
