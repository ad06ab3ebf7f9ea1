"""The body of a request: its size limit, its encoding, and JSON."""

import json
from array import array
from itertools import accumulate
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Receive

T = TypeVar("T")

MAX_NESTING = 100
"""Arrays and objects that may stand inside each other in a body. What is stored goes out to readers of every kind,
wrapped a little deeper, and some parsers stop not far above (Rust's serde_json at 128).
"""


class EmptyBody(Exception):
    """A body is needed, and there is none."""


class BodyCutShort(HTTPException):
    """The client left, or was dropped, before the end of the body. No answer can be sent."""

    def __init__(self) -> None:
        """Be a 400 where it is worded all the same."""
        super().__init__(400, "The request ended before its body")


class BodyTooLarge(Exception):
    """The request body is larger than the gateway takes."""

    def __init__(self, limit: int) -> None:
        """Take the limit in bytes."""
        super().__init__(f"The body is larger than {limit} bytes")


class Malformed(msgspec.DecodeError):
    """The body is no JSON. `position` is where, in characters from its start; None where it can't be told."""

    def __init__(self, problem: str, position: int | None = None) -> None:
        """Take what is wrong, and where."""
        super().__init__(problem)
        self.position = position


async def read_body(receive: Receive, content_length: str | None, limit: int) -> bytes:
    """Return the whole body of a request, of at most `limit` bytes. JSON is in UTF-8 then, see `utf8`.

    Raises:
        BodyTooLarge: It is larger than `limit`; the rest is not read.
        BodyCutShort: The client left, or was disconnected, before its end.
    """
    if int(content_length or 0) > limit:
        raise BodyTooLarge(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(limit)
    if message["type"] == "http.disconnect":
        raise BodyCutShort
    if len(body) > limit:
        raise BodyTooLarge(limit)
    return utf8(body)


def utf8(body: bytes) -> bytes:
    """Return a JSON body in UTF-8 without a byte order mark; it may have come in UTF-16 or UTF-32, or with one.

    Python's json, which the reference servers read with, takes all of these. What can't be read stays as it is.
    """
    if len(body) < 2 or (0 < body[0] < 0x80 and body[1]):  # as nearly all begin
        return body
    try:
        return body.decode(json.detect_encoding(body)).encode()
    except UnicodeError:
        return body


def decode(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Decode a JSON body.

    Raises:
        EmptyBody: There is no body.
        Malformed: It is no JSON, or nested more than `MAX_NESTING` deep.
        msgspec.ValidationError: It is not what `decoder` expects. Like `Malformed` a `msgspec.DecodeError`.
    """
    if not body:
        raise EmptyBody
    try:
        decoded = parse(body, decoder)
    except Malformed as flaw:
        raise Malformed(str(flaw), _position(body)) from None
    if nested_deeper(body, MAX_NESTING):
        raise Malformed("JSON is nested too deeply")
    return decoded


def parse(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Decode JSON from any source outside. A failure is always the same exception, whatever the bytes are.

    Raises:
        Malformed: It is no JSON, not UTF-8, or nested too deeply to be decoded. Where is not told: finding that takes
            much more memory than the body.
        msgspec.ValidationError: It is not what `decoder` expects. Like `Malformed` a `msgspec.DecodeError`.
    """
    try:
        str(body, "utf-8")  # msgspec looks only into the strings it decodes, and what is kept raw is passed on
        return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise Malformed(f"JSON is not UTF-8: {error.reason} (byte {error.start})") from None
    except RecursionError:
        raise Malformed("JSON is nested too deeply") from None
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise Malformed(str(error)) from None


def _position(body: bytes) -> int | None:
    """Return where Python's json stops in a body that is no JSON, which is what the reference servers tell; None if
    it takes the body, as it does `NaN` and surrogates by themselves.
    """
    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        return error.pos
    except (ValueError, RecursionError):  # a number with more digits than Python reads
        pass
    return None


_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""One level in, one level out: the bytes read as signed numbers."""


def nested_deeper(body: bytes, limit: int) -> bool:
    """Tell whether arrays and objects stand more than `limit` deep in each other in `body`, which is well-formed.

    Most bodies have fewer brackets than that. Of the others the strings are cut out, and the brackets left are added
    up: some milliseconds for 10,000 tools, some tens for a megabyte of nothing but brackets.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")  # left are the quotes that begin and end strings
    steps = b"".join(body.split(b'"')[::2]).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(array("b", steps)), default=0) > limit
