"""Schemas in the OpenAPI document, as generators of clients need them."""

from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

import msgspec

from registry_gateway.endpoints.schemas import Schemas
from registry_gateway.http.operation import Operation, Parameter, Response

T = TypeVar("T")


class Colour(StrEnum):
    """A colour of light."""

    RED = "red"
    WHITE = "white"


class Lamp(msgspec.Struct):
    """A lamp, with
    two lines.

        And a third.
    """

    colour: Colour
    kind: Literal["lamp"]
    bright: bool = True
    parts: list[Any] = []
    owner: str | msgspec.UnsetType | None = msgspec.UNSET


class NewLamp(msgspec.Struct):
    """A lamp to be made."""

    bright: bool = True


class Envelope(msgspec.Struct, Generic[T]):
    """An envelope."""

    data: T


def schemas(answer: Any, request: Any = None, *parameters: Parameter) -> Schemas:
    """The schemas of one operation in the mount `beacon`."""
    operation = Operation(
        method="POST",
        path="/beacon",
        name="light",
        summary="Light",
        parameters=parameters,
        request=request,
        responses={200: Response("Lit.", answer)},
    )
    return Schemas("beacon", [operation])


def test_names_and_titles_begin_with_the_mount() -> None:
    made = schemas(Lamp)
    assert {name: schema["title"] for name, schema in made.components.items()} == {
        "BeaconLamp": "BeaconLamp",
        "BeaconColour": "BeaconColour",
    }
    assert made.schema(Lamp) == {"$ref": "#/components/schemas/BeaconLamp"}


def test_a_generic_type_is_named_without_modules() -> None:
    made = schemas(Envelope[list[Lamp]])
    assert made.schema(Envelope[list[Lamp]]) == {"$ref": "#/components/schemas/BeaconEnvelopeListLamp"}
    assert made.components["BeaconEnvelopeListLamp"]["properties"]["data"]["items"] == {
        "$ref": "#/components/schemas/BeaconLamp"
    }


def test_a_member_with_a_default_is_always_in_an_answer() -> None:
    lamp = schemas(Lamp).components["BeaconLamp"]
    assert lamp["required"] == ["colour", "kind", "bright", "parts"]
    assert lamp["properties"]["bright"] == {"type": "boolean"}


def test_a_member_with_a_default_can_be_left_out_of_a_request() -> None:
    made = schemas(Lamp, NewLamp).components
    assert made["BeaconNewLamp"]["required"] == []
    assert made["BeaconNewLamp"]["properties"]["bright"] == {"type": "boolean", "default": True}
    assert schemas(Lamp, Lamp).components["BeaconLamp"]["required"] == ["colour", "kind"]


def test_choices_have_a_type_and_a_single_one_is_a_constant() -> None:
    made = schemas(Lamp).components
    assert made["BeaconColour"]["type"] == "string"
    assert made["BeaconLamp"]["properties"]["kind"] == {"const": "lamp"}
    assert made["BeaconLamp"]["properties"]["parts"] == {"type": "array", "items": {}}


def test_orders_have_names_for_generators() -> None:
    order = Parameter("sort", "Order.", "query", Literal["key", "-key"])
    assert schemas(Lamp, None, order).schema(order.kind) == {
        "type": "string",
        "enum": ["-key", "key"],
        "x-enum-varnames": ["KEY_DESCENDING", "KEY"],
    }


def test_messages_of_a_stream_have_schemas() -> None:
    operation = Operation(
        method="GET",
        path="/beacon",
        name="watch",
        summary="Watch",
        responses={200: Response("The stream.", str, "text/event-stream", messages=(Lamp,))},
    )
    assert "BeaconLamp" in Schemas("beacon", [operation]).components


def test_a_docstring_is_prose() -> None:
    assert schemas(Lamp).components["BeaconLamp"]["description"] == "A lamp, with two lines.\n\n    And a third."


def test_types_of_one_name_are_told_apart() -> None:
    other = msgspec.defstruct("Lamp", [("bright", bool)], module="another.module")
    made = schemas(Lamp, other)
    assert made.schema(Lamp) != made.schema(other)
    assert len(made.components) == 3
    required = [schema["required"] for schema in schemas(other, Lamp).components.values() if "properties" in schema]
    assert sorted(required) == [["bright"], ["colour", "kind"]]
