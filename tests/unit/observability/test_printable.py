"""What is shown of text from elsewhere: nothing that a terminal obeys, and JSON that says the same."""

import json

import msgspec
import pytest

from registry_gateway.observability.printable import escaped, printable, quoted

HOSTILE = {
    "escape": "\x1b[2J",
    "the same in one character": "\x9b2J",
    "next line": "\x85",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right to left": "\u202e",
    "isolate": "\u2066",
    "no width": "\u200b",
    "byte order mark": "\ufeff",
    "delete": "\x7f",
    "bell": "\x07",
    "backspace": "\b",
    "carriage return": "\r",
    "line feed": "\n",
    "tab": "\t",
    "a tag": "\U000e0001",
    "private": "\ue000",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_not_printable_is_escaped(text: str) -> None:
    assert printable(f"ä{text}b") == "ä" + text.encode("unicode_escape").decode() + "b"
    text = f"ä{text}b"
    assert quoted(text).isprintable()
    assert json.loads(quoted(text)) == text
    document = msgspec.json.encode({text: [text, {"b": text}]}).decode()
    assert escaped(document).isprintable()
    assert json.loads(escaped(document)) == json.loads(document)


def test_what_is_printable_stays_as_it_is() -> None:
    text = 'Modèle "é" \\ 日本 🚀'
    assert printable(text) == text
    assert escaped(text) == text


def test_what_is_not_unicode_is_escaped() -> None:
    assert printable("a\udcff") == "a\\udcff"
    assert json.loads(quoted("a\udcff")) == "a\udcff"


def test_white_space_between_tokens_stays_white_space() -> None:
    assert escaped('{\r\n\t"a":\r"\x9b"}') == '{ \n "a": "\\u009b"}'
