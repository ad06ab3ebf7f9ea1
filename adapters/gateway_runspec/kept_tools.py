"""Every tool with the hosts that have it, kept between requests by the registry's `KeptView`."""

from collections.abc import Collection

from gateway_runspec import hosted_tools
from registry_gateway.adapter import Entry, KeptView, Registry, Rendered, paced, render

LARGE_TOOLS = 100_000
"""Number of tools above which parts are not cached, to limit memory: about 400 bytes per tool."""


def kept_tools(registry: Registry, dialect: str, *, live_only: bool) -> KeptView[hosted_tools.Part, Rendered]:
    """Return the list of tools, of the instances that are alive or of all."""
    return KeptView(registry, dialect, alive=live_only, part=_part, whole=_whole, keeps=_few)


async def _part(entry: Entry) -> hosted_tools.Part:
    return hosted_tools.part(entry, [tool async for tool in paced(hosted_tools.hosted(entry))])


async def _whole(parts: Collection[hosted_tools.Part]) -> Rendered:
    return await render(hosted_tools.tools(parts))


def _few(parts: Collection[hosted_tools.Part]) -> bool:
    return sum(len(part.tools) for part in parts) <= LARGE_TOOLS
