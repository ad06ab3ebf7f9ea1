"""Output of commands: aligned columns and local times as text, or JSON."""

import math
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

from registry_gateway.core import time_text
from registry_gateway.observability.printable import escaped, printable


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` in aligned columns. The last column has no width."""
    lines = [header, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    widths[-1] = 0
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def say(text: str = "", *, mark: str = "", color: str | None = None, err: bool = False) -> None:
    """Print one line of text with unprintable characters escaped: services and other servers choose much of it.

    All that the commands print for people goes through here. `mark` is a word of our own before it, in `color` on a
    terminal unless NO_COLOR is set (https://no-color.org).
    """
    colored = mark if os.environ.get("NO_COLOR") else click.style(mark, fg=color)
    click.echo(colored + printable(text) if mark else printable(text), err=err)


def print_json(content: object) -> None:
    """Print `content` as indented JSON, in UTF-8 whatever the encoding of the output is."""
    click.echo(indented(msgspec.json.encode(content)).encode())


def print_json_line(content: object) -> None:
    """Print `content` as one line of JSON, in UTF-8."""
    click.echo(json_line(msgspec.json.encode(content)).encode())


def indented(json: bytes) -> str:
    """Return indented JSON, with unprintable characters escaped."""
    return escaped(msgspec.json.format(json, indent=2).decode())


def json_line(json: bytes) -> str:
    """Return JSON in one line, with unprintable characters escaped. Line feeds between tokens are removed."""
    return escaped(json.decode()).replace("\n", " ")


def moment(at: float) -> str:
    """Return epoch seconds as local time with its offset."""
    return datetime.fromtimestamp(at).astimezone().isoformat(sep=" ", timespec="seconds")


def age(seconds: float) -> str:
    """Return a duration in its two largest units, such as `3h 20m`."""
    left = max(0, math.floor(seconds))
    parts: list[str] = []
    for unit, size in time_text.UNITS:
        count, left = divmod(left, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 finding`, `2 findings`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


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


def span(text: str) -> float:
    """Return the seconds of a duration on the command line: `90d`, `24h`, `30m` or `45s`.

    Raises:
        click.BadParameter: It is none.
    """
    try:
        return time_text.duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def span_or_zero(text: str) -> float:
    """Return the result of `span`, or zero for `0`."""
    return 0.0 if text == "0" else span(text)


def details(detail: dict[str, Any]) -> str:
    """Return the details of an event: `name=value`, and `name: old -> new` for what has changed."""
    words = []
    for name, value in detail.items():
        kind = name.partition("_")[2]
        if name == "old" or name.startswith("old_"):
            new = detail.get("new" + name.removeprefix("old"))
            words.append(f"{kind or 'version'}: {_word(value)} -> {_word(new)}")
        elif value is not None and name != "new" and not name.startswith("new_"):
            words.append(f"{name}={moment(value)}" if name.endswith("_at") else f"{name}={_word(value)}")
    return "  ".join(words)


def _word(value: object) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
