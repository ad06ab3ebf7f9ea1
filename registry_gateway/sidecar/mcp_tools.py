"""`python -m registry_gateway.sidecar.mcp_tools SERVER`: prints the tools of an MCP server as JSON."""

import asyncio
import json
import os
import shlex
import sys
from typing import Any

from mcp import Client, StdioServerParameters

WITHIN = 50.0
"""Seconds for the whole list."""

MOST_PAGES = 1000
"""Most pages of a list."""


async def tools(server: str) -> list[dict[str, Any]]:
    """Return all tools of a server: a URL, or the words of a program that speaks MCP on standard input and output."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(WITHIN), Client(_target(server)) as client:
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
    return found


def _target(server: str) -> str | StdioServerParameters:
    if server.startswith(("http://", "https://")):
        return server
    command, *arguments = shlex.split(server)
    # By default a server gets little of the environment; here it is the operator's own program.
    return StdioServerParameters(command=command, args=arguments, env=dict(os.environ))


def _main() -> int:
    """Print the tools; if that fails print the reason, which the sidecar logs, and return 1."""
    try:
        print(json.dumps(asyncio.run(tools(sys.argv[1]))))
    except TimeoutError:
        print(f"the MCP server does not list its tools within {WITHIN:g} s")
        return 1
    except Exception as error:  # the SDK raises those of its transports, in groups
        print(_reason(error))
        return 1
    return 0


def _reason(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return f"no tools from the MCP server: {' '.join(str(error).split()) or type(error).__name__}"


if __name__ == "__main__":
    sys.exit(_main())
