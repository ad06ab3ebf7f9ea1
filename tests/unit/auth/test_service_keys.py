"""Keyrings: which keys open, what their holders are called, and what an operator reads of mistakes."""

import logging
from pathlib import Path

import pytest

from registry_gateway.auth.service_keys import Keyring, Keyrings, check
from registry_gateway.settings import SettingsError

CURRENT = "current-key-0123456789"
NEXT = "next-key-9876543210abc"


def _ring(file: Path) -> Keyring:
    return Keyring("chap", "THE_KEY", None, str(file))


def test_each_key_opens_and_has_a_name_of_its_own() -> None:
    keyring = Keyring("chap", "THE_KEY", (CURRENT, NEXT), None)
    holders = {keyring.holder(CURRENT), keyring.holder(NEXT)}
    # sha256sum of the two: the same name on every gateway, and after every restart
    assert holders == {"key:chap:1b0d2c8d", "key:chap:29749aae"}


@pytest.mark.parametrize("given", ["", CURRENT[:-1], CURRENT + "x", CURRENT.upper(), f"{CURRENT},{NEXT}", "ключ\x00"])
def test_what_is_no_key_opens_nothing(given: str) -> None:
    assert Keyring("chap", "THE_KEY", (CURRENT, NEXT), None).holder(given) is None


def test_the_name_of_a_short_key_gives_nothing_away() -> None:
    keyring = Keyring("chap", "THE_KEY", (CURRENT, "hunter2"), None)
    assert keyring.holder("hunter2") == "key:chap:2"


def test_a_file_has_a_key_a_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# since May\n\n  {CURRENT}  \n\t# the next one\r\n{NEXT}\nwith,a,comma,and a # inside")
    keyring = _ring(file)
    assert all(keyring.holder(key) for key in (CURRENT, NEXT, "with,a,comma,and a # inside"))
    assert keyring.holder("# since May") is None


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path, end: str) -> None:
    file = tmp_path / "keys"
    file.write_bytes(f"\ufeff# since May{end}{CURRENT}{end}\ufeff{NEXT}{end}".encode())  # two files put together
    keyring = _ring(file)
    assert all(keyring.holder(key) for key in (CURRENT, NEXT))
    assert keyring.holder("\ufeff# since May") is None
    file.write_bytes(f"\ufeff{CURRENT}{end}".encode())
    keyring.reload()
    assert keyring.holder(CURRENT)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "No such file or directory"),
        (b"", "contains no key"),
        (b"# none\n \n", "contains no key"),
        (b"\xef\xbb\xbf# none\r\n", "contains no key"),
        (b"\xff", "UTF-8"),
        (CURRENT.encode("utf-16"), "it is not UTF-8"),
        (CURRENT.encode("utf-16-le"), "UTF-16, it seems"),
        (CURRENT.encode("utf-16-be"), "UTF-16, it seems"),
    ],
)
def test_a_file_without_keys_stops_the_start_and_changes_nothing_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None, complaint: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(CURRENT)
    keyring = _ring(file)
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match=rf"^THE_KEY_FILE: .*{complaint}"):
        _ring(file)

    keyring.reload()
    assert keyring.holder(CURRENT)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert complaint in record.getMessage()


def test_all_keyrings_are_read_again_together(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(CURRENT)
    keyrings = Keyrings()
    from_file = keyrings.open("chap", "THE_KEY", None, str(file))
    from_setting = keyrings.open("runspec", "OTHER_KEY", (CURRENT,), None)
    assert keyrings.open("beacon", "NO_KEY", None, None) is None
    assert from_file is not None
    assert from_setting is not None

    file.write_text(NEXT)
    keyrings.reload()

    assert (from_file.holder(CURRENT), from_file.holder(NEXT)) == (None, "key:chap:29749aae")
    assert from_setting.holder(CURRENT)


def test_the_log_names_the_keys_and_warns_of_short_ones(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    keyrings = Keyrings()
    keyrings.open("chap", "GOOD", (CURRENT,), None)
    keyrings.open("runspec", "BAD", ("hunter2",), None)

    keyrings.report()

    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert warning.startswith("BAD: a key has fewer than 16 characters")
    logged = [str(vars(record)) for record in caplog.records]
    assert any("key:chap:1b0d2c8d" in line for line in logged)
    assert not any("hunter2" in line or CURRENT in line for line in logged)


def test_keys_come_from_one_place() -> None:
    check("THE_KEY", None, None)
    check("THE_KEY", (CURRENT,), None)
    check("THE_KEY", None, "keys")
    with pytest.raises(SettingsError, match="THE_KEY and THE_KEY_FILE are both set"):
        check("THE_KEY", (CURRENT,), "keys")


def test_the_log_says_how_often_each_key_was_used(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    keyring = Keyring("chap", "THE_KEY", (CURRENT, NEXT), None)
    for given in (CURRENT, CURRENT, "wrong"):
        keyring.holder(given)
    keyring.reload()
    keyring.holder(NEXT)
    keyring.reload()
    assert [vars(record)["uses"] for record in caplog.records] == [
        "key:chap:1b0d2c8d=2,key:chap:29749aae=0",
        "key:chap:1b0d2c8d=0,key:chap:29749aae=1",
    ]
