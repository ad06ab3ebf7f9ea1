"""The schemas of the OpenAPI document, as msgspec makes them and as generators of clients need them.

They are JSON Schema 2020-12. Generators name the types of a client after the names and titles.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from registry_gateway.http.operation import Operation

_REFERENCE = "#/components/schemas/"


class Schemas:
    """The schemas of a mount's parameters and bodies. `components` has those that have a name."""

    def __init__(self, mount: str, operations: Sequence[Operation]) -> None:
        """Make the schemas. Names begin with the mount's, because dialects share names of types."""
        asked = [o.request for o in operations if o.request is not None]
        asked += [p.kind for o in operations for p in o.parameters]
        responses = [response for o in operations for response in o.responses.values()]
        answered = [r.body for r in responses if r.body is not None]
        answered += [message for r in responses for message in r.messages]
        self._types = [*asked, *answered]
        made, found = msgspec.json.schema_components(self._types, ref_template="{name}")
        of_requests = _reached(made[: len(asked)], found)
        self._names = {key: _pascal(mount) + _type_name(key, schema["title"]) for key, schema in found.items()}
        self._made = [self._portable(schema) for schema in made]
        self.components = {
            self._names[key]: self._component(self._names[key], schema if key in of_requests else _whole(schema))
            for key, schema in found.items()
        }

    def schema(self, kind: Any) -> Any:
        """Return the schema of a parameter's or body's type, for the most part of a body a reference."""
        return self._made[self._types.index(kind)]

    def _component(self, name: str, schema: dict[str, Any]) -> dict[str, Any]:
        described = {"description": _prose(schema["description"])} if "description" in schema else {}
        return self._portable({**schema, "title": name, **described})  # type: ignore[no-any-return] # a dict as it was

    def _portable(self, schema: Any) -> Any:
        """Return a schema with whole references, in the form that other readers than msgspec take.

        Patterns are in ECMA 262, where `\\Z` is `$`, every array has `items`, and a single choice is a `const`.
        """
        match schema:
            case {"$ref": str(key), **others}:
                return {"$ref": _REFERENCE + self._names[key], **others}
            case {"enum": [only], **others}:
                return {"const": only, **others}
            case {"enum": [str(), *_] as choices, **others}:
                return {"type": "string", "enum": choices, **_member_names(choices), **others}
            case {"type": "array", **others} if not {"items", "prefixItems"} & others.keys():
                return {"type": "array", "items": {}, **others}
            case dict():
                return {k: v.replace(r"\Z", "$") if k == "pattern" else self._portable(v) for k, v in schema.items()}
            case list():
                return [self._portable(item) for item in schema]
        return schema


def _reached(schemas: Iterable[object], components: Mapping[str, object]) -> set[str]:
    """Return the names of the components that schemas refer to, and that these refer to."""
    reached: set[str] = set()
    waiting = list(_references(schemas))
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _references(components[name])
    return reached


def _references(schema: object) -> Iterator[str]:
    match schema:
        case {"$ref": str(name)}:
            yield name
        case dict():
            yield from _references(list(schema.values()))
        case list() | tuple():
            for item in schema:
                yield from _references(item)


def _member_names(choices: Sequence[str]) -> dict[str, list[str]]:
    """Return names for choices that generators can make no names of: an order such as `-key`."""
    if not any(choice.startswith("-") for choice in choices):
        return {}
    return {"x-enum-varnames": [re.sub("^-(.*)", r"\1_descending", choice).upper() for choice in choices]}


def _whole(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that is only in answers: a member with a default is always there."""
    if "properties" not in schema:
        return schema
    members = schema["properties"]
    required = [name for name, member in members.items() if name in schema["required"] or "default" in member]
    plain = {name: {k: v for k, v in member.items() if k != "default"} for name, member in members.items()}
    return {**schema, "properties": plain, "required": required}


def _type_name(key: str, title: str) -> str:
    """Return a name without the modules that msgspec puts before the arguments of a generic type."""
    return _pascal(re.sub(r"[\w.]+\.", "", title) if "[" in title else key)


def _pascal(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[\W_]+", text))


def _prose(docstring: str) -> str:
    """Return a docstring without its indentation, each paragraph on one line."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(docstring))
