"""Print the directory for the temporary files of tests: in memory where there is room for them.

Their databases would wait for the disk otherwise: SQLite at each commit, and when a file is closed. TMPDIR wins, and
CI keeps the files on disk, as gateways have them.
"""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a directory of its own in it
ROOM_BYTES = 4 << 30


def roomy() -> bool:
    """Tell whether there is memory enough for all tests, and programs that they write can run there."""
    if not os.access(MEMORY, os.W_OK):
        return False
    volume = os.statvfs(MEMORY)
    return volume.f_bavail * volume.f_frsize >= ROOM_BYTES and not volume.f_flag & os.ST_NOEXEC


if __name__ == "__main__":
    asked = "TMPDIR" in os.environ or os.environ.get("CI") == "true"
    print(MEMORY if not asked and roomy() else tempfile.gettempdir())
