"""How the versions a registration has had are kept in one column: a line each, a JSON list of time and version."""

from collections.abc import Iterable

import msgspec

from registry_gateway.model import Version

_line: msgspec.json.Decoder[tuple[float, str]] = msgspec.json.Decoder(tuple[float, str])


def lines(versions: Iterable[Version]) -> str:
    """Return what to add to the column for `versions`."""
    return "".join(f"{msgspec.json.encode((v.since, v.version)).decode()}\n" for v in versions)


def parsed(column: str) -> list[Version]:
    """Return the versions in a column, oldest first."""
    return [Version(version, since) for since, version in map(_line.decode, column.split("\n")[:-1])]
