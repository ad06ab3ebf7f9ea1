"""An answer of a server, read as a whole."""

from collections.abc import Mapping
from typing import NamedTuple


class Reply(NamedTuple):
    """An answer with its whole body. Headers are found by names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
