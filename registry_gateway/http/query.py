"""Decoding and description of query strings. A `msgspec.Struct` declares the parameters of an endpoint."""

from collections.abc import Sequence
from datetime import datetime
from enum import EnumType
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Meta, UnsetType

from registry_gateway.http.decode_errors import Text, parted
from registry_gateway.http.operation import Parameter
from registry_gateway.http.problem_details import bad_parameter

Q = TypeVar("Q", bound=msgspec.Struct)

Word = Annotated[Text, Meta(min_length=1)]
"""A text that is not empty."""


_NO_COMMA = Annotated[str, Meta(pattern=r"^[^,\x00]+\Z")]


class Nothing(msgspec.Struct, frozen=True):
    """No parameters."""


def decode(raw: bytes, query: type[Q]) -> Q:
    """Return the parameters in a query string.

    Raises:
        Refused: 400: a parameter is unknown, is given twice, or has an invalid value.
    """
    values: dict[str, Any] = {}
    hints = get_type_hints(query)
    for part in raw.decode("latin-1").split("&") if raw else ():
        encoded_name, _, encoded_value = part.partition("=")
        name = _text(encoded_name, "the name of a parameter")
        if name not in hints:
            there_are = f"there are: {', '.join(hints)}" if hints else "there is none"
            raise bad_parameter(name[:100], f"There is no such parameter; {there_are}")
        value = _text(encoded_value, name)
        if get_origin(hints[name]) is tuple:
            values.setdefault(name, []).extend(value.split(","))
        elif name in values:
            raise bad_parameter(name, "It is given more than once")
        else:
            values[name] = value
    try:
        return msgspec.convert(values, query, strict=False)
    except msgspec.ValidationError as error:
        problem, path = parted(str(error))
        name = path.removeprefix(".").partition("[")[0]
        choices = _choices(hints[name])
        there_are = f"; there are: {', '.join(choices)}" if choices else ""
        raise bad_parameter(name, f"{problem}{there_are}") from None


def parameters(query: type[msgspec.Struct]) -> tuple[Parameter, ...]:
    """Return the parameters of a query for /openapi.json, with the types they have in a URL."""
    hints = get_type_hints(query, include_extras=True)
    return tuple(_parameter(name, *get_args(hints[name])) for name in query.__struct_fields__)


def _parameter(name: str, kind: Any, *metas: Meta) -> Parameter:
    """Return a parameter with its type in JSON Schema: types that mean absence are left out.

    The elements of a list are those of a repeated parameter, in which each comma begins another one.
    """
    options = [option for option in get_args(kind) if option not in (type(None), UnsetType)]
    if get_origin(kind) is tuple:
        kind = list[options[0] if _choices(kind) else _NO_COMMA]  # type: ignore[misc] # for msgspec, not for mypy
    elif any(datetime in (option, *get_args(option)) for option in options):
        kind = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
    elif get_origin(kind) in (Union, UnionType):
        kind = options[0]
    *limits, described = metas
    for meta in limits:
        kind = Annotated[kind, meta]
    return Parameter(name, described.description or "", "query", kind)


def _choices(kind: Any) -> Sequence[str]:
    """Return the allowed values of a type, or of the elements of a list; empty if there is no such restriction."""
    one = get_args(kind)[0] if get_origin(kind) in (tuple, Union, UnionType) else kind
    if isinstance(one, EnumType):
        return list(map(str, one.__members__.values()))
    return get_args(one) if get_origin(one) is Literal else ()


def _text(encoded: str, name: str) -> str:
    try:
        text = unquote_to_bytes(encoded.replace("+", " ").encode("latin-1")).decode()
    except UnicodeDecodeError:
        raise bad_parameter(name, "It is not UTF-8") from None
    if "\x00" in text:
        raise bad_parameter(name, "No text here holds NUL")
    return text
