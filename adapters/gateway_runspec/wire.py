"""The bodies of the runspec registry (runspec-registry 0.1.1; agents runspec 0.4 to 0.8)."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from registry_gateway.adapter import Text, decode_errors

_INSTANCE_ID = decode_errors.worded(r"^[^\x00]*[^\x00/]\Z", "text without NUL and without a slash at its end")

InstanceId = Annotated[str, Meta(min_length=1, max_length=512, pattern=_INSTANCE_ID)]
"""An agent's id: a UUID by default, but operators may set any text. A slash at the end is not allowed, because the
gateway treats `/path/` as `/path`. 512 characters of any script fit into PostgreSQL's index limit of 2,704 bytes.
"""


class RegisterRequest(msgspec.Struct):
    """Body of POST /instances. Unknown members are stored and returned."""

    instance_id: InstanceId
    name: Text
    version: Text
    host: Text


class HeartbeatRequest(msgspec.Struct):
    """Body of a heartbeat, if it has one: `{"system": {"pid", "uptime"}}` from agents with `heartbeat_data`."""

    system: dict[str, msgspec.Raw] | None = None


class Tool(msgspec.Struct):
    """The checked members of a tool in MCP's schema. Members that start with `x-` define its execution on a host."""

    name: Text
    description: str | None = None
    inputSchema: dict[str, msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 - MCP's name for it


MAX_TOOLS = 20_000
"""Most tools of an instance. Each answer to GET /tools contains all of them."""


class ToolsRequest(msgspec.Struct):
    """Body of POST /instances/{id}/tools."""

    tools: Annotated[list[Tool], Meta(max_length=MAX_TOOLS)]


class ToolsAsSent(msgspec.Struct):
    """The same body with the members of each tool as sent."""

    tools: list[dict[str, msgspec.Raw]]


class Host(msgspec.Struct):
    """Element of GET /hosts: the newest instance of a name on a host."""

    host: str
    name: str
    instance_id: str
    version: str
    tool_count: int


class StatusResponse(msgspec.Struct):
    """Answer to every write but a heartbeat. Agents need a JSON object."""

    status: Literal["ok"]


class HeartbeatResponse(msgspec.Struct):
    """Answer to a heartbeat; `refresh` requests the tools."""

    status: Literal["ack", "refresh"]


class Instance(msgspec.Struct):
    """An instance, with unknown members as they were sent. `last_seen` is in epoch seconds."""

    instance_id: str
    name: str
    version: str
    host: str
    active: bool
    last_seen: float
    tools: list[Tool]


class ToolHost(msgspec.Struct):
    """A host that has a tool. Members that start with `x-` define its execution there."""

    host: str


class OfferedTool(msgspec.Struct):
    """A tool with the hosts that have it."""

    name: str
    hosts: list[ToolHost]
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    inputSchema: dict[str, msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET  # noqa: N815 - MCP's name for it
