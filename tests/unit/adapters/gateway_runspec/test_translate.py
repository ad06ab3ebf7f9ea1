"""The runspec translation by itself: the layout of stored tool lists, and what is made of it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway_runspec import hosted_tools, translate
from registry_gateway.core.lease import Health, grant
from registry_gateway.core.model import Actor, Entry, Registration
from tests.fuzz import CI

ACTOR = Actor("test")

unhurried = settings(deadline=None, max_examples=100 if CI else 20, suppress_health_check=[HealthCheck.too_slow])
"""Examples take as long as the machine they run on makes them."""

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | text, lambda v: st.lists(v) | st.dictionaries(text, v)
)
names = st.sampled_from(["a", "b", "a b", "é", "\n", '"name":"a"', "\u2028"])
tool_lists = st.lists(
    st.fixed_dictionaries(
        {"name": names},
        optional={
            "description": st.none() | text,
            "inputSchema": st.dictionaries(text, values, max_size=3),
            "annotations": values,
            "x-command": text,
            "x-run-as": values,
            "hosts": values,
        },
    ),
    max_size=4,
)


def stored(tools: list[dict[str, Any]], *, indent: int | None = None, ascii_only: bool = True) -> bytes:
    """A tool list as it is stored."""
    body = json.dumps({"tools": tools}, indent=indent, ensure_ascii=ascii_only).encode()
    return translate.advertise("key", body, ACTOR).tools_document


def entry(key: str, tools_document: bytes | None, *, granted_at: float = 0.0, host: str = "h") -> Entry:
    """An entry as the registry returns one."""
    registration = Registration(
        dialect="runspec",
        key=key,
        name="n",
        version="1",
        address=host,
        owner=None,
        approved_at=None,
        reported=None,
        advertised=tools_document is not None,
        registered_at=0.0,
        updated_at=0.0,
        lease=grant(90.0, granted_at),
    )
    return Entry(registration, b'{"instance_id":"%s"}' % key.encode(), tools_document, Health.HEALTHY, 0.0)


def grouped(newest_first: list[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    """What /tools says of these hosts and tool lists, made the plain way."""
    found: dict[str, dict[str, Any]] = {}
    for host, tools in newest_first:
        for tool in tools:
            shared: dict[str, Any] = {k: tool[k] for k in ("name", "description", "inputSchema") if k in tool}
            group = found.setdefault(tool["name"], {**shared, "hosts": []})
            group["hosts"].append({"host": host, **{k: v for k, v in tool.items() if k.startswith("x-")}})
    return list(found.values())


@unhurried
@given(tool_lists, st.sampled_from([None, 2]), st.booleans())
def test_a_stored_list_says_what_was_posted(tools: list[dict[str, Any]], indent: int | None, ascii_only: bool) -> None:
    assert json.loads(stored(tools, indent=indent, ascii_only=ascii_only)) == tools


def inside_out(entries: Sequence[Entry]) -> bytes:
    """The list of the tools of all `entries`."""
    return b"".join(
        hosted_tools.tools([hosted_tools.part(entry, list(hosted_tools.hosted(entry))) for entry in entries])
    )


@unhurried
@given(st.lists(st.tuples(text, tool_lists, st.booleans()), max_size=3))
def test_tools_are_turned_inside_out(agents: list[tuple[str, list[dict[str, Any]], bool]]) -> None:
    entries = [
        entry(str(n), stored(tools, ascii_only=ascii_only), granted_at=-float(n), host=host)
        for n, (host, tools, ascii_only) in enumerate(agents)
    ]
    expected = grouped([(host, tools) for host, tools, _ in agents])
    assert sorted(json.loads(inside_out(entries)), key=lambda t: str(t["name"])) == sorted(
        expected, key=lambda t: str(t["name"])
    )
    for tool in expected:
        found = [added for entry in entries for added in hosted_tools.having(entry, tool["name"])]
        assert json.loads(hosted_tools.tool(tool["name"], found)) == tool
    assert [translate.host(entry).tool_count for entry in entries[:1]] == [len(tools) for _, tools, _ in agents[:1]]


def test_an_agent_that_never_posted_tools_has_none() -> None:
    silent = entry("a", None)
    assert inside_out([silent]) == b"[]"
    assert list(hosted_tools.having(silent, "x")) == []
    assert json.loads(translate.instance(silent))["tools"] == []
    assert translate.host(silent).tool_count == 0


def test_an_instance_is_answered_on_one_line() -> None:
    tools = [{"name": "a\nb", "annotations": {}, "x-command": "c"}]
    answer = translate.instance(entry("a", stored(tools, indent=2)))
    assert b"\n" not in answer
    assert json.loads(answer)["tools"] == tools
    assert b"\n" not in b"".join(translate.instances([entry("a", stored(tools))] * 2))


def test_numbers_come_back_as_they_were_written() -> None:
    body = b'{"tools":[{"name":"a","x-big":123456789012345678901234567890,"x-float":1.50,"x-exp":1E+2}]}'
    rendered = translate.advertise("key", body, ACTOR).tools_document
    assert b'"x-big":123456789012345678901234567890,"x-float":1.50,"x-exp":1E+2' in rendered


def test_a_member_given_twice_counts_once() -> None:
    body = b'{"tools":[{"name":"a","name":"b","x-command":"1","x-command":"2"}]}'
    assert json.loads(translate.advertise("key", body, ACTOR).tools_document) == [{"name": "b", "x-command": "2"}]


def _nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    "attempt",
    [
        lambda deep: translate.register(
            b'{"instance_id":"a","name":"n","version":"1","host":"h","x":%s}' % deep, 1, ACTOR
        ),
        lambda deep: translate.advertise("a", b'{"tools":[{"name":"a","x-y":%s}]}' % deep, ACTOR),
        lambda deep: translate.advertise("a", b'{"tools":[{"name":"a","inputSchema":{"k":%s}}]}' % deep, ACTOR),
        lambda deep: translate.renew("a", b'{"system":{"k":%s}}' % deep, ACTOR),
    ],
    ids=["register", "execution", "schema", "heartbeat"],
)
def test_nesting_around_the_limit_is_refused_cleanly(attempt: Callable[[bytes], object]) -> None:
    """The two decoders that look at a body reach the interpreter's limit at different depths."""
    refused = 0
    for depth in range(700, 1100):
        try:
            attempt(_nested(depth))
        except msgspec.DecodeError:
            refused += 1
    assert refused
