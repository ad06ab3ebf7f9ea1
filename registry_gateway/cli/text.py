"""What commands print: aligned columns and local times for people, JSON for programs."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import msgspec


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` in columns as wide as what they hold; the last one is as long as it likes."""
    lines = [header, *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    widths[-1] = 0
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_json(content: object) -> None:
    """Print `content` as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(content), indent=2))


def one_line(text: str) -> str:
    """Return `text` with everything escaped that could move a terminal's cursor: services choose their names."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def moment(at: float) -> str:
    """Return a time as the operator's clock has it: local, with its offset."""
    return datetime.fromtimestamp(at).astimezone().isoformat(sep=" ", timespec="seconds")


def age(seconds: float) -> str:
    """Return a length of time in its largest unit, and the next smaller one: `3h 20m`."""
    left = max(0, math.floor(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def setting(value: object) -> str:
    """Return the value of a setting as it is written in the environment; empty if it has none."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case tuple() | list():
            return ",".join(value)
        case _:
            return str(value)


def details(detail: dict[str, Any]) -> str:
    """Return the details of an event as `name=value`."""
    return " ".join(f"{name}={value}" for name, value in detail.items() if value is not None)
