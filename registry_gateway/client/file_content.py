"""The content of a file that is read repeatedly."""

import os
from pathlib import Path


def content(file: Path, most: int) -> bytes:
    """Return the first `most` bytes of a file. Of a pipe it is what is there: a wait for more may have no end.

    Raises:
        OSError: It can't be read.
    """
    at_once = getattr(os, "O_NONBLOCK", 0)  # Windows does not have it
    with open(file, "rb", buffering=0, opener=lambda path, flags: os.open(path, flags | at_once)) as opened:
        return opened.read(most) or b""  # None: a pipe has nothing yet
