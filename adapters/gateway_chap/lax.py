"""Conversion of integers and booleans in other notations, as in the reference: pydantic's lax mode.

A model sends `"min_prediction_periods": "3"` or `"requires_geo": "yes"`, and the reference answers `3` and `true`.
Source: https://docs.pydantic.dev/latest/concepts/conversion_table/; compared with pydantic 2.14.
"""

import re
from collections.abc import Callable

import msgspec

from registry_gateway.adapter import Invalid, decode

_INTEGER = re.compile(r"([+-]?[0-9]+(?:_[0-9]+)*)(?:\.0+)?", re.ASCII)
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), b"true")
_BOOLEANS |= dict.fromkeys(("false", "f", "no", "n", "off", "0"), b"false")

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def strict(body: bytes) -> bytes:
    """Return a `$register` body with the integers and booleans of `info` in JSON's notation.

    Other values are unchanged, including those of types that can't be converted.

    Raises:
        Malformed: The body is nested too deeply.
        Invalid: A text or a fraction can't be converted.
    """
    try:
        members = decode(body, _object)
        info: dict[str, msgspec.Raw] = _object.decode(members["info"])
    except (KeyError, msgspec.ValidationError):  # the decoder of the body reports it
        return body
    for name, convert in _CONVERTED.items():
        if name in info:
            value = convert(msgspec.json.decode(info[name]), ("body", "info", name))
            info[name] = msgspec.Raw(value) if value is not None else info[name]
    members["info"] = msgspec.Raw(msgspec.json.encode(info))
    return msgspec.json.encode(members)


def _integer(value: object, loc: tuple[str, ...]) -> bytes | None:
    """Return the JSON of an integer; None if `value` is an integer, or of a type that can't be converted."""
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if isinstance(value, float):
        if not value.is_integer():
            raise Invalid("int_from_float", loc, "Input should be a valid integer, got a number with a fractional part")
        if abs(value) >= 2**63:
            raise Invalid("int_parsing_size", loc, "Unable to parse input as an integer, exceeded maximum size")
        return b"%d" % int(value)
    if isinstance(value, str):
        found = _INTEGER.fullmatch(value.strip())
        if found is None:
            problem = "Input should be a valid integer, unable to parse string as an integer"
            raise Invalid("int_parsing", loc, problem)
        if len(found[1]) > _MOST_DIGITS:
            raise Invalid("int_parsing_size", loc, "Unable to parse input as an integer, exceeded maximum size")
        return b"%d" % int(found[1])
    return None


_MOST_DIGITS = 4300
"""Most digits that pydantic and Python convert."""


def _boolean(value: object, loc: tuple[str, ...]) -> bytes | None:
    """Return the JSON of a boolean; None if `value` is a boolean, or of a type that can't be converted."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        value = str(int(value))
    if not isinstance(value, str):
        return None
    if value.lower() not in _BOOLEANS:
        raise Invalid("bool_parsing", loc, "Input should be a valid boolean, unable to interpret input")
    return _BOOLEANS[value.lower()]


_CONVERTED: dict[str, Callable[[object, tuple[str, ...]], bytes | None]] = {
    "min_prediction_periods": _integer,
    "max_prediction_periods": _integer,
    "allow_free_additional_continuous_covariates": _boolean,
    "requires_geo": _boolean,
}
