"""What is wrong with a body, as FastAPI's `detail`: where and of which type."""

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from registry_gateway.http.body import EmptyBody, decode
from registry_gateway.http.decode_errors import REFUSED, SLUG, Invalid, Text, detail, unprocessable, worded


class Inner(msgspec.Struct):
    """A nested object."""

    id: Annotated[str, Meta(pattern=SLUG, max_length=64)]
    ages: list[int] = []
    named: dict[str, int] = {}


class Body(msgspec.Struct):
    """A body with a member of each kind."""

    info: Inner
    name: Text = "x"
    count: Annotated[int, Meta(ge=0, le=10)] = 0
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    status: Literal["healthy", "degraded"] = "healthy"
    tags: Annotated[list[str], Meta(max_length=2)] = []
    open: bool = True
    note: str | None = None
    url: Annotated[str, Meta(min_length=1)] = "u"


_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Body)
INFO = '"info":{"id":"a"}'


def refusal(body: str | bytes) -> dict[str, Any]:
    with pytest.raises(REFUSED) as refused:
        decode(body.encode() if isinstance(body, str) else body, _decoder)
    return detail(refused.value)


@pytest.mark.parametrize(
    ("body", "kind", "loc"),
    [
        ("{}", "missing", ["body", "info"]),
        ('{"info":{}}', "missing", ["body", "info", "id"]),
        ("[]", "dict_type", ["body"]),
        ('{"info":[]}', "dict_type", ["body", "info"]),
        ('{"info":{"id":"A"}}', "string_pattern_mismatch", ["body", "info", "id"]),
        ('{"info":{"id":"a\\n"}}', "string_pattern_mismatch", ["body", "info", "id"]),
        (f'{{"info":{{"id":"{"a" * 65}"}}}}', "string_too_long", ["body", "info", "id"]),
        ('{"info":{"id":1}}', "string_type", ["body", "info", "id"]),
        ('{"info":{"id":null}}', "string_type", ["body", "info", "id"]),
        ('{"info":{"id":"a","ages":[1,"x"]}}', "int_type", ["body", "info", "ages", 1]),
        ('{"info":{"id":"a","ages":{}}}', "list_type", ["body", "info", "ages"]),
        ('{"info":{"id":"a","named":{"n":"x"}}}', "int_type", ["body", "info", "named"]),
        (f'{{{INFO},"name":"a\\u0000"}}', "string_pattern_mismatch", ["body", "name"]),
        (f'{{{INFO},"url":""}}', "string_too_short", ["body", "url"]),
        (f'{{{INFO},"count":1.5}}', "int_type", ["body", "count"]),
        (f'{{{INFO},"count":true}}', "int_type", ["body", "count"]),
        (f'{{{INFO},"count":-1}}', "greater_than_equal", ["body", "count"]),
        (f'{{{INFO},"count":11}}', "less_than_equal", ["body", "count"]),
        (f'{{{INFO},"share":0}}', "greater_than", ["body", "share"]),
        (f'{{{INFO},"share":1}}', "less_than", ["body", "share"]),
        (f'{{{INFO},"share":"x"}}', "float_type", ["body", "share"]),
        (f'{{{INFO},"status":"x"}}', "enum", ["body", "status"]),
        (f'{{{INFO},"tags":["a","b","c"]}}', "too_long", ["body", "tags"]),
        (f'{{{INFO},"open":1}}', "bool_type", ["body", "open"]),
        (f'{{{INFO},"note":1}}', "string_type", ["body", "note"]),
        ("{", "json_invalid", ["body", 1]),
        ("nonsense", "json_invalid", ["body", 0]),
        ('{"name":"€", nonsense', "json_invalid", ["body", 13]),
        ('{"info":{"id":"\\ud800"}}', "json_invalid", ["body"]),
        (b'{"info":{"id":"\xff"}}', "json_invalid", ["body"]),
        ("[" * 100_000, "dict_type", ["body"]),
        ('{"info":' + '{"x":' * 100_000, "json_invalid", ["body"]),
        ("", "missing", ["body"]),
    ],
)
def test_a_refusal_says_where_and_of_which_type(body: str | bytes, kind: str, loc: list[str | int]) -> None:
    refused = refusal(body)
    assert (refused["type"], refused["loc"]) == (kind, loc)
    assert refused["msg"]


def test_a_pattern_is_explained_in_words() -> None:
    words = "It must be lower-case letters, digits and hyphens, starting with a letter"
    assert refusal('{"info":{"id":"My_Model"}}')["msg"] == words
    assert "NUL" in refusal(f'{{{INFO},"name":"a\\u0000"}}')["msg"]
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert("b", Annotated[str, Meta(pattern=worded("^a", "text that begins with a"))])
    assert detail(refused.value)["msg"] == "It must be text that begins with a"


def test_a_missing_member_is_worded_as_fastapi_does() -> None:
    assert refusal("{}") == {"type": "missing", "loc": ["body", "info"], "msg": "Field required"}


@pytest.mark.parametrize("value", ["secret", "secret - at `$.info.id`", "secret` - at `$"])
def test_no_refusal_repeats_the_input(value: str) -> None:
    refused = refusal(f'{{{INFO},"status":"{value}"}}')
    assert refused == {"type": "enum", "loc": ["body", "status"], "msg": "Invalid enum value"}


def test_what_an_adapter_found_wrong_is_passed_on() -> None:
    error = Invalid("missing", ("header", "X-Service-Key"), "Field required")
    assert detail(error) == {"type": "missing", "loc": ("header", "X-Service-Key"), "msg": "Field required"}


def test_the_answer_is_a_422_with_one_detail() -> None:
    answer = unprocessable(EmptyBody())
    assert answer.status == 422
    assert msgspec.json.decode(answer.body) == {
        "detail": [{"type": "missing", "loc": ["body"], "msg": "Field required"}]
    }


@pytest.mark.parametrize("slug", ["a", "a-b", "a1", "a-"])
def test_slugs(slug: str) -> None:
    assert decode(f'{{"info":{{"id":"{slug}"}}}}'.encode(), _decoder).info.id == slug


@pytest.mark.parametrize("slug", ["", "A", "1a", "-a", "a_b", "a b", "a.b", "ä", "a/b", "a\\n", "aé", "\u0430"])
def test_not_slugs(slug: str) -> None:
    assert refusal(f'{{"info":{{"id":"{slug}"}}}}')["loc"] == ["body", "info", "id"]
