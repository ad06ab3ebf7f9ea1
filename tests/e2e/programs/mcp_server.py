"""An MCP server with two tools: on standard input and output, or with a port as its argument over HTTP."""

import sys

from mcp.server import MCPServer

server = MCPServer("weather")


@server.tool()
def forecast(city: str) -> str:
    """Forecast the weather of a city."""
    return f"rain in {city}"


@server.tool()
def stations() -> list[str]:
    """List the weather stations."""
    return []


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
