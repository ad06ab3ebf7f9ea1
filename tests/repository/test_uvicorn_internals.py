"""What is used of uvicorn beside its documented interface: by http/protocol.py, http/response_order.py, cli/serving.py.

The newest version that is allowed is in pyproject.toml alone. If one of these tests fails with a newer one, compare its
code with ours before the bound is raised; if none does, raise it.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.supervisors import Multiprocess

from registry_gateway.cli.serving import Workers
from registry_gateway.http import protocol, response_order
from registry_gateway.http.protocol import Connection
from registry_gateway.http.response_order import Answering

PARSER_CALLBACKS = {"on_chunk_header"}
"""Called by httptools, and not by uvicorn's own class."""

OURS: list[tuple[type, type]] = [
    (Answering, HttpToolsProtocol),
    (Connection, HttpToolsProtocol),
    (protocol._Flow, FlowControl),
    (Workers, Multiprocess),
]


def overriding() -> Iterator[Any]:
    for ours, base in OURS:
        for name, method in vars(ours).items():
            if inspect.isfunction(method) and not name.startswith("_") and name not in PARSER_CALLBACKS:
                yield pytest.param(method, getattr(base, name, None), id=f"{ours.__name__}.{name}")


@pytest.mark.parametrize(("ours", "base"), list(overriding()))
def test_what_is_overridden_is_there_and_takes_the_same(
    ours: Callable[..., Any], base: Callable[..., Any] | None
) -> None:
    assert base is not None
    mine, parents = inspect.signature(ours).parameters, inspect.signature(base).parameters
    assert [p.kind for p in mine.values()] == [p.kind for p in parents.values()]
    assert len(mine) == len(parents)


def attributes(source: str, *owners: str) -> set[str]:
    """The names of attributes of `owners`, such as `self.cycle`, in Python source."""
    tree = ast.parse(textwrap.dedent(source))
    return {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value) in owners}


def assigned(source: str) -> set[str]:
    """The names of attributes that are given to `self` in Python source."""
    nodes = (n for n in ast.walk(ast.parse(textwrap.dedent(source))) if isinstance(n, ast.Attribute))
    return {n.attr for n in nodes if isinstance(n.ctx, ast.Store) and ast.unparse(n.value) == "self"}


def known(*classes: type) -> set[str]:
    return {name for c in classes for name in (*dir(c), *attributes(inspect.getsource(c), "self"))}


def test_a_connection_uses_only_what_uvicorns_has() -> None:
    used = {name for c in (Answering, Connection) for name in attributes(inspect.getsource(c), "self")}
    own = {name for c in (Answering, Connection) for name in (*vars(c), *assigned(inspect.getsource(c)))}
    assert {"pipeline", "cycle", "url", "app_state", "_start_asgi_task"} <= used - own
    assert used - own <= known(HttpToolsProtocol)


def test_a_request_and_the_flow_use_only_what_uvicorns_have() -> None:
    source = inspect.getsource(protocol) + inspect.getsource(response_order)
    cycles = attributes(source, "cycle", "self.cycle", "c", "self._being_answered")
    assert {"response_complete", "more_body", "message_event", "disconnected", "expected_content_length"} <= cycles
    assert cycles <= known(RequestResponseCycle)
    flow = attributes(source, "self.flow")
    assert {"pause_reading", "resume_reading", "read_paused"} <= flow
    assert flow - {"full"} <= known(FlowControl)


def test_a_status_line_is_what_answers_begin_with() -> None:
    assert STATUS_LINE[200] == b"HTTP/1.1 200 OK\r\n"
