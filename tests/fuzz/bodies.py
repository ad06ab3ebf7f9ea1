"""Bodies: text that is hard to carry, JSON nobody asked for, and what can't be read at all."""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12)
"""Any text a column holds."""

FILLED = TEXT.filter(bool)

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)

UNREADABLE = st.sampled_from(
    [
        b"",
        b"{",
        b"nothing",
        b"[]",
        b"null",
        b"17",
        b'{"a":"\xff"}',
        b'{"a":1}{"a":1}',
        b"\xef\xbb\xbf{}",
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        b"[" * 20_000,
        b" " * 70_000,
    ]
)
"""Bodies no operation takes; the last is larger than MAX_BODY_BYTES."""

MAX_BODY_BYTES = "65536"

WRONG = st.sampled_from([None, 7, True, [], {}, "", "\x00", "x" * 2_000, [1], {"a": "b"}])


def encoded(body: Mapping[str, Any]) -> bytes:
    """Return a body as clients write it."""
    return json.dumps(body, ensure_ascii=False).encode()
