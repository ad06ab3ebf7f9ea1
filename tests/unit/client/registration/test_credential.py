"""Keys and tokens: given, or in a file that changes."""

import os
import shutil
from pathlib import Path

import pytest

from registry_gateway.client.registration.answers import NotAccepted
from registry_gateway.client.registration.credential import Credential


def test_none_is_needed() -> None:
    assert Credential().read() is None


def test_white_space_around_it_is_removed() -> None:
    assert Credential(" key\n").read() == "key"


@pytest.mark.parametrize("secret", ["", "two\nlines", "schlüssel"])
def test_what_no_header_can_hold_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^the key or token must be one line of ASCII, and not empty$"):
        Credential(secret)


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("# rotated in May\n\n  old \nolder\n")
    credential = Credential(file=file)
    assert credential.read() == "old"
    file.write_text("\ufeffnew")
    assert credential.read() == "new"


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe", "schlüssel".encode()])
def test_a_file_without_a_key_is_reported_each_time(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(NotAccepted) as caught:
        Credential(file=file).read()
    assert caught.value.refused
    assert str(file) in str(caught.value)


def test_a_missing_file_is_reported_each_time(tmp_path: Path) -> None:
    with pytest.raises(NotAccepted, match="No such file"):
        Credential(file=tmp_path / "key").read()


@pytest.mark.parametrize("spoilt", ["missing", "emptied by a full disk", "replaced by a directory"])
def test_the_last_key_is_used_while_the_file_has_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoilt: str
) -> None:
    file = tmp_path / "key"
    file.write_text("first")
    credential = Credential(file=file)
    assert credential.read() == "first"
    file.unlink()
    if spoilt == "emptied by a full disk":
        file.touch()
    elif spoilt == "replaced by a directory":
        file.mkdir()
    assert [credential.read(), credential.read()] == ["first", "first"]
    [said] = caplog.messages
    assert str(file) in said
    assert said.endswith("; the key that was read before is used")
    shutil.rmtree(file) if file.is_dir() else file.unlink(missing_ok=True)
    file.write_text("second")
    caplog.set_level("INFO", "registry_gateway.registration")
    assert [credential.read(), credential.read()] == ["second", "second"]
    assert caplog.messages[1:] == [f"there is a key in {file} again"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "key"
    os.mkfifo(pipe)
    with pytest.raises(NotAccepted, match="not empty"):
        Credential(file=pipe).read()


def test_an_endless_file_has_no_key() -> None:
    with pytest.raises(NotAccepted, match="one line of ASCII"):
        Credential(file="/dev/zero").read()


def test_one_of_both_is_enough(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not both"):
        Credential("key", tmp_path)
