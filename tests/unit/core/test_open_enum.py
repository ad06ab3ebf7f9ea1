"""Enumerations are closed, except where a client reads the answer of a gateway that may be newer."""

import msgspec
import pytest

from registry_gateway.core.open_enum import unknown_values
from registry_gateway.core.status import Status

_decoder = msgspec.json.Decoder(list[Status])


def test_an_unknown_value_is_refused() -> None:
    with pytest.raises(ValueError, match="not a valid Status"):
        Status("resting")
    with pytest.raises(msgspec.ValidationError, match="Invalid enum value 'resting'"):
        _decoder.decode(b'["resting"]')


def test_a_client_reads_it_as_its_text() -> None:
    with unknown_values():
        [known, unknown] = _decoder.decode(b'["up","resting"]')
    assert known is Status.UP
    assert isinstance(unknown, Status)
    assert [unknown.value, str(unknown), f"{unknown}"] == ["resting"] * 3
    assert msgspec.json.encode(unknown) == b'"resting"'
    assert {unknown: 1} == {"resting": 1}


def test_it_does_not_become_a_member() -> None:
    with unknown_values():
        _decoder.decode(b'["resting"]')
    assert "resting" not in [status.value for status in Status]
    with pytest.raises(ValueError, match="not a valid Status"):
        Status("resting")


def test_what_is_no_text_is_refused_there_too() -> None:
    with unknown_values(), pytest.raises(msgspec.ValidationError):
        _decoder.decode(b"[1]")
