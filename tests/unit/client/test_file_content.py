"""Files that are read again and again."""

import os
from pathlib import Path

import pytest

from registry_gateway.client.file_content import content


def test_a_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100_000)
    assert len(content(file, 200_000)) == 100_000
    assert content(file, 3) == b"xxx"
    assert content(Path("/dev/zero"), 3) == b"\0\0\0"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert content(pipe, 10) == b""
    end = os.open(pipe, os.O_RDWR)
    assert content(pipe, 10) == b""
    os.write(end, b"key")
    assert content(pipe, 10) == b"key"
    os.close(end)


def test_what_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    for file in (tmp_path, tmp_path / "missing"):
        with pytest.raises(OSError, match=str(tmp_path)):
            content(file, 10)
