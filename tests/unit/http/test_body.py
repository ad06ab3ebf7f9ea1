"""JSON in bodies: what is refused, how deep it may be nested, and that looking costs little."""

import json
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_gateway.http.body import MAX_NESTING, EmptyBody, decode, nested_deeper

ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
RAW: msgspec.json.Decoder[Any] = msgspec.json.Decoder(dict[str, msgspec.Raw])

TEXT = st.text(st.sampled_from('[]{}"\\a€'), max_size=8)
JSON = st.recursive(
    st.none() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=30,
)


def depth(value: object) -> int:
    """How deep a decoded value is nested, the plain way."""
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
    return 0


@given(JSON, st.integers(0, 6), st.booleans(), st.sampled_from([None, 1]))
def test_the_scan_agrees_with_counting(value: object, limit: int, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert nested_deeper(body, limit) == (depth(value) > limit)


def test_the_limit_is_exact() -> None:
    for opening, closing in (b"[]", b"{}"):
        inside = b'"a":' if opening == ord("{") else b""
        within = (bytes([opening]) + inside) * (MAX_NESTING - 1) + b"[]" + bytes([closing]) * (MAX_NESTING - 1)
        beyond = bytes([opening]) + inside + within + bytes([closing])
        decode(within, ANYTHING)
        with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
            decode(beyond, ANYTHING)


@pytest.mark.parametrize("levels", [MAX_NESTING, 900, 5_000, 400_000])
def test_what_is_kept_as_it_came_is_held_to_it_too(levels: int) -> None:
    with pytest.raises(msgspec.DecodeError, match="nested too deeply"):
        decode(b'{"kept":' + b"[" * levels + b"]" * levels + b"}", RAW)


def test_malformed_json_is_called_that() -> None:
    with pytest.raises(msgspec.DecodeError, match="truncated"):
        decode(b'{"a":' + b"[" * 500, RAW)


def test_brackets_in_strings_do_not_count() -> None:
    value = {"text": "[{" * 1000 + '"\\'}
    assert decode(json.dumps(value).encode(), ANYTHING) == value


def effort(work: Callable[[], object]) -> float:
    """Seconds of the processor that `work` takes at best: of this thread alone, whatever else the machine does."""
    efforts = []
    for _ in range(3):
        began = time.thread_time()
        work()
        efforts.append(time.thread_time() - began)
    return min(efforts)


@pytest.mark.parametrize("inside", ["plain", 'a "quoted" \\ path'])
def test_ten_thousand_tools_are_looked_through_in_no_time(inside: str) -> None:
    tool = {"name": inside, "inputSchema": {"properties": {"a": {"type": ["integer"]}}}}
    body = json.dumps({"tools": [tool] * 10_000}).encode()
    assert not nested_deeper(body, MAX_NESTING)
    assert effort(lambda: nested_deeper(body, MAX_NESTING)) < 5 * effort(lambda: json.loads(body))


@pytest.mark.parametrize("body", [b"[" * 99 + b"]" * 99, b'"\\""', b"{}"], ids=["deep", "quotes", "wide"])
def test_the_worst_a_body_can_do_is_bounded(body: bytes) -> None:
    large = b"[" + b",".join([body] * (262_144 // (len(body) + 1))) + b"]"
    assert not nested_deeper(large, MAX_NESTING)
    assert effort(lambda: nested_deeper(large, MAX_NESTING)) < 5 * effort(lambda: json.loads(large))


def test_an_empty_body_is_not_a_broken_one() -> None:
    with pytest.raises(EmptyBody):
        decode(b"", ANYTHING)


@pytest.mark.parametrize(
    "body",
    [b"{", b"nonsense", b'"\xff"', b'{"a":"\xff"}', b'"\\ud800"', b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000],
)
def test_what_is_no_json_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body, ANYTHING)


def test_no_reader_is_handed_what_only_this_parser_can_read() -> None:
    """What a decoder skips is kept raw and goes out to everybody who lists."""
    known = msgspec.json.Decoder(msgspec.defstruct("Known", [("id", str)]))
    for skipped in (b'"\xff"', b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1), b'"\\ud800"'):
        with pytest.raises(msgspec.DecodeError):
            decode(b'{"id":"a","more":' + skipped + b"}", known)
