"""The body of a request: as JSON, and what is refused before anyone asks what it means."""

from array import array
from itertools import accumulate
from typing import Any

import msgspec

MAX_NESTING = 100
"""Arrays and objects that may stand inside each other in a body. What is stored goes out to readers of every kind,
wrapped a little deeper, and some parsers stop not far above (Rust's serde_json at 128).
"""


class EmptyBody(Exception):
    """A body is needed, and there is none."""


class BodyTooLarge(Exception):
    """The request body is larger than the gateway takes."""

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes."""
        super().__init__(f"The body is larger than {limit} bytes")


def decode(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    """Decode a JSON body.

    Raises:
        EmptyBody: There is no body.
        msgspec.DecodeError: It is no JSON, nested more than `MAX_NESTING` deep, or not what `decoder` expects
            (`msgspec.ValidationError`).
    """
    if not body:
        raise EmptyBody
    try:
        str(body, "utf-8")  # msgspec looks only into the strings it decodes, and what is kept raw is answered with
        decoded = decoder.decode(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"JSON is not UTF-8: {error.reason} (byte {error.start})") from None
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None
    if nested_deeper(body, MAX_NESTING):
        raise msgspec.DecodeError("JSON is nested too deeply")
    return decoded


_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""One level in, one level out: the bytes read as signed numbers."""


def nested_deeper(json: bytes, limit: int) -> bool:
    """Tell whether arrays and objects stand more than `limit` deep in each other in `json`, which is well-formed.

    Most bodies have fewer brackets than that. Of the others the strings are cut out, and the brackets left are added
    up: some milliseconds for 10,000 tools, some tens for a megabyte of nothing but brackets.
    """
    if json.count(b"[") + json.count(b"{") <= limit:
        return False
    if b"\\" in json:
        json = json.replace(rb"\\", b"").replace(rb"\"", b"")  # left are the quotes that begin and end strings
    steps = b"".join(json.split(b'"')[::2]).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(array("b", steps)), default=0) > limit
