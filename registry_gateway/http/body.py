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
"""Deepest nesting of arrays and objects in a body. Stored documents are sent to many kinds of clients, nested a little
deeper, and some parsers have a limit not far above (Rust's serde_json: 128).
"""


MAX_PARSED_NESTING = 500
"""Arrays and objects that may be nested in JSON from outside. How deep a parser gets depends on Python's version."""


class EmptyBody(Exception):
    """The request has no body, but one is required."""


class BodyCutShort(HTTPException):
    """The connection ended before the end of the body. No answer can be sent; a caller that words it gets a 400."""

    def __init__(self) -> None:
        super().__init__(400, "The request ended before its body")


class BodyTooLarge(Exception):
    """The request body is larger than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes")


class Malformed(msgspec.DecodeError):
    """The body is not JSON. `position` is the place in characters from the start, or None if unknown."""

    def __init__(self, problem: str, position: int | None = None) -> None:
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
    """Return a JSON body in UTF-8 without a byte order mark, converted from UTF-16 or UTF-32 if necessary.

    Python's json, which the reference servers use, accepts these encodings. A body that can't be decoded is returned
    unchanged.
    """
    if len(body) < 2 or (0 < body[0] < 0x80 and body[1]):  # nearly all bodies
        return body
    try:
        return body.decode(json.detect_encoding(body)).encode()
    except UnicodeError:
        return body


def decode(body: bytes, decoder: "msgspec.json.Decoder[T]") -> T:
    """Decode a JSON body.

    Raises:
        EmptyBody: There is no body.
        Malformed: It is not JSON, or nested more than `MAX_NESTING` deep.
        msgspec.ValidationError: It has not the type that `decoder` expects. Like `Malformed` a `msgspec.DecodeError`.
    """
    if not body:
        raise EmptyBody
    try:
        return parse(body, decoder, MAX_NESTING)
    except Malformed as flaw:
        raise Malformed(str(flaw), _position(body)) from None


def parse(body: bytes, decoder: "msgspec.json.Decoder[T]", nesting: int = MAX_PARSED_NESTING) -> T:
    """Decode JSON from an untrusted source.

    Raises:
        Malformed: It is not JSON, not UTF-8, or nested more than `nesting` deep. `position` is None, because finding it
            takes much more memory than the body.
        msgspec.ValidationError: It has not the type that `decoder` expects. Like `Malformed` a `msgspec.DecodeError`.
    """
    try:
        str(body, "utf-8")  # msgspec checks only the strings it decodes, but raw parts are passed on too
        decoded = decoder.decode(body)
        if nested_deeper(bytes(body), nesting):  # it may be a part that msgspec left raw
            raise RecursionError
        return decoded
    except UnicodeDecodeError as error:
        raise Malformed(f"JSON is not UTF-8: {error.reason} (byte {error.start})") from None
    except RecursionError:
        raise Malformed("JSON is nested too deeply") from None
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise Malformed(str(error)) from None


def _position(body: bytes) -> int | None:
    """Return the position at which Python's json fails, which the reference servers report; None if it does not fail,
    as with `NaN` and lone surrogates.
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
"""Maps opening brackets to 1 and closing brackets to -1, as signed bytes."""


def nested_deeper(body: bytes, limit: int) -> bool:
    """Return whether arrays and objects in `body`, which is well-formed JSON, are nested more than `limit` deep.

    Most bodies have fewer brackets than that. In others, strings are removed and the remaining brackets are added up:
    some milliseconds for 10,000 tools, some tens for a megabyte of brackets alone.
    """
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    if b"\\" in body:
        body = body.replace(rb"\\", b"").replace(rb"\"", b"")  # leaves only the quotes that begin and end strings
    steps = b"".join(body.split(b'"')[::2]).translate(_STEPS, _NOT_BRACKETS)
    return max(accumulate(array("b", steps)), default=0) > limit
