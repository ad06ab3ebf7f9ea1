"""The cases: what wrk sends, and what shows that the answers are right."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.dialects import TOOL_NAMES, TOOLS, Chap, Dialect, Runspec, ScaiControl
from bench.message import COUNTER, Message

CONNECTIONS = 32

LISTS_PER_PING = 3
"""Lists for each ping between them: at 300 lists a second, the 100 pings a second that 1,000 services send."""

Keys = Sequence[str]
Check = Callable[[Any, int], bool]
"""Tells from an answer's JSON, and the number of services, whether it is the right one."""


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    `messages` go round over all connections; `operations` of them are what is counted. `check` looks at the answer
    to the last of them.
    """

    name: str
    dialect: Dialect
    messages: Callable[[Keys], Sequence[Message]]
    connections: int = CONNECTIONS
    close: bool = False
    operations: float = 1.0
    check: Check | None = None

    def id(self, target: str) -> str:
        """Return what it is called in tables, floors and filters, for one target."""
        return f"{self.name}-{self.dialect.name}-{target}"


def of_chap(chap: Chap) -> list[Case]:
    """Return the cases of CHAP, in their order: those that add services come last."""
    return [
        *_heartbeats(chap, _says("status", "alive")),
        Case("look-up", chap, lambda keys: [chap.look_up(k) for k in keys], check=_has("info")),
        Case(
            "list",
            chap,
            lambda keys: _with_a_ping_between(chap, keys),
            operations=LISTS_PER_PING / (LISTS_PER_PING + 1),
            check=lambda answer, count: answer["count"] == len(answer["services"]) == count,
        ),
        *_registrations(chap, _says("status", "registered")),
    ]


def of_scaicontrol(scaicontrol: ScaiControl) -> list[Case]:
    """Return the cases of ScaiControl, in their order."""
    return [
        *_heartbeats(scaicontrol, lambda answer, _count: answer["data"]["ok"] is True),
        *_registrations(scaicontrol, _has("data")),
    ]


def of_runspec(runspec: Runspec) -> list[Case]:
    """Return the cases of runspec, in their order: those that empty tool lists and add services come last."""
    return [
        *_heartbeats(runspec, _says("status", "ack")),
        Case("look-up", runspec, lambda keys: [runspec.look_up(k) for k in keys], check=_has("host")),
        Case(
            "instances",
            runspec,
            lambda _keys: [runspec.instances()],
            check=lambda answer, count: len(answer) == count and all(len(i["tools"]) == TOOLS for i in answer),
        ),
        Case("all-tools-unchanged", runspec, lambda _keys: [runspec.all_tools()], check=_all_tools),
        Case(
            "all-tools-changed",
            runspec,
            lambda keys: [message for k in keys for message in (runspec.tools(k), runspec.all_tools())],
            # One connection, so that each read follows a change that has been answered.
            connections=1,
            operations=0.5,
            check=_all_tools,
        ),
        Case("tools", runspec, lambda keys: [runspec.tools(k) for k in keys], check=_says("status", "ok")),
        *_registrations(runspec, _says("status", "ok")),
    ]


def _heartbeats(dialect: Dialect, check: Check) -> list[Case]:
    def heartbeats(keys: Keys) -> list[Message]:
        return [dialect.heartbeat(k) for k in keys]

    return [
        Case("heartbeat", dialect, heartbeats, check=check),
        Case("heartbeat-new-connection", dialect, heartbeats, close=True, check=check),
    ]


def _registrations(dialect: Dialect, check: Check) -> list[Case]:
    return [
        Case("register-again", dialect, lambda keys: [dialect.again(k) for k in keys], check=check),
        Case("register", dialect, lambda _keys: [dialect.register(f"new-{COUNTER}")], check=check),
    ]


def _with_a_ping_between(chap: Chap, keys: Keys) -> list[Message]:
    return [m for k in keys for m in (chap.heartbeat(k), *[chap.listing()] * LISTS_PER_PING)]


def _says(member: str, value: object) -> Check:
    return lambda answer, _count: bool(answer[member] == value)


def _has(member: str) -> Check:
    return lambda answer, _count: member in answer


def _all_tools(answer: Sequence[Mapping[str, Any]], count: int) -> bool:
    hosts = sum(len(tool["hosts"]) for tool in answer)
    return hosts == count * TOOLS and len(answer) == min(TOOL_NAMES, hosts)


def right(case: Case, body: bytes, count: int) -> bool:
    """Tell whether the body of an answer is what the case expects of a fleet of `count` services."""
    if case.check is None:
        return True
    try:
        return case.check(json.loads(body), count)
    except (ValueError, LookupError, TypeError):
        return False
