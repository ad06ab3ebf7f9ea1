"""How the versions a registration has had are kept in one column: a line each, a JSON list of time and version."""

from collections.abc import Sequence

import msgspec

from registry_gateway.model import Version

_line: msgspec.json.Decoder[tuple[float, str]] = msgspec.json.Decoder(tuple[float, str])


KEPT = 100
"""Versions of a registration that are kept: the last ones."""


def lines(versions: Sequence[Version]) -> str:
    """Return the column for `versions`, oldest first; of more than `KEPT` it holds the last ones."""
    return "".join(f"{msgspec.json.encode((v.since, v.version)).decode()}\n" for v in versions[-KEPT:])


def parsed(column: str) -> list[Version]:
    """Return the versions in a column, oldest first."""
    return [Version(version, since) for since, version in map(_line.decode, column.split("\n")[:-1])]
