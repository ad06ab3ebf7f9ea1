"""The document of a registration, from a file."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

FORMATS: dict[str, Callable[[bytes], object]] = {
    ".json": msgspec.json.decode,
    ".toml": lambda content: tomllib.loads(content.decode()),
    ".yaml": msgspec.yaml.decode,
    ".yml": msgspec.yaml.decode,
}
"""How a file is decoded, by the end of its name."""


def read(file: Path) -> dict[str, Any]:
    """Return the document in a file: an object of JSON, TOML or YAML, by the end of its name.

    Raises:
        ValueError: It is none. The message is one line.
        OSError: It can't be read.
    """
    decode = FORMATS.get(file.suffix.lower())
    if decode is None:
        raise ValueError(f"{file}: its name must end with {', '.join(FORMATS)}")
    try:
        found = decode(file.read_bytes())
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ValueError(f"{file}: {' '.join(str(error).split())}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{file}: it must be an object")
    return found
