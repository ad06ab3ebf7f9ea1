"""How answers are read: the bodies of successes, and the errors for all others. No input or output."""

import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from registry_gateway.client.brief import brief
from registry_gateway.client.errors import (
    BY_STATUS,
    GatewayError,
    NoGateway,
    NotReady,
    Refused,
    UnexpectedAnswer,
    Unreachable,
)
from registry_gateway.client.reply import Reply
from registry_gateway.client.retry_after import retry_after
from registry_gateway.core.open_enum import unknown_values

ANSWER_SECONDS = 60.0
"""Seconds that the body of an answer may take."""

MOST_BYTES = 64 * 2**20
"""Most bytes of an answer: a page of a thousand services with many tools."""

T = TypeVar("T")


class Body:
    """A body that arrives in pieces."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`name` is what the gateway is called in messages. `clock` returns seconds that only grow."""
        self._name = name
        self._clock = clock
        self._ends_at = clock() + ANSWER_SECONDS
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            Unreachable: It comes too late.
            UnexpectedAnswer: There are more than `MOST_BYTES`.
        """
        self._size += len(piece)
        if self._size > MOST_BYTES:
            raise UnexpectedAnswer(f"{self._name} answers with more than {MOST_BYTES >> 20} MiB; is it a gateway?")
        if self._clock() > self._ends_at:
            raise Unreachable(f"{self._name} did not end its answer within {ANSWER_SECONDS:g} s")
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """Return the body."""
        return b"".join(self._pieces)


class _Problem(msgspec.Struct):
    detail: str
    code: str | None = None
    parameter: str | None = None


def read(reply: Reply, kind: type[T], name: str, *, with_token: bool) -> T:
    """Return the body of a reply. `name` is what the gateway is called in messages.

    Raises:
        GatewayError: The request was refused, or the answer can't be read.
    """
    if reply.status != 200:
        raise refusal(reply, name, with_token=with_token)
    return decoded(reply.body, kind, name)


def decoded(body: bytes, kind: type[T], name: str) -> T:
    """Decode JSON. Members and enumerations may have more than this version knows.

    Raises:
        UnexpectedAnswer: It has another form.
    """
    try:
        with unknown_values():
            return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as flaw:
        raise UnexpectedAnswer(f"unexpected answer of {name}: {brief(str(flaw))}") from None


def refusal(reply: Reply, name: str, *, with_token: bool) -> GatewayError:
    """Return the error for an answer that is no success. `with_token` is whether the request had a token."""
    kind = BY_STATUS.get(reply.status, Refused)
    problem = _problem(reply)
    if problem is None and kind is not NotReady:
        return _no_gateway(reply, name)
    problem = problem or _Problem(f"it answers with {reply.status}")
    return kind(
        f"{name} {_words(reply.status, problem, with_token=with_token)}",
        reply.status,
        problem.detail,
        code=problem.code,
        parameter=problem.parameter,
        retry_after=retry_after(reply.headers),
    )


def _problem(reply: Reply) -> _Problem | None:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return msgspec.json.decode(reply.body, type=_Problem)
    except (msgspec.DecodeError, RecursionError):
        return None


def _words(status: int, problem: _Problem, *, with_token: bool) -> str:
    detail = brief(problem.detail)
    match status:
        case 401 if with_token:
            return "does not accept the token: it is unknown, expired or revoked"
        case 401:
            return "needs a token"
        case 403:
            return f"refuses the token: {detail}"
        case 404:
            return f"does not have it: {detail}"
        case 429 | 502 | 503 | 504:
            return f"is not ready: {detail}"
    where = "" if problem.parameter is None else f"{brief(problem.parameter)}: "
    return f"refuses this: {where}{detail}"


def _no_gateway(reply: Reply, name: str) -> NoGateway:
    if 300 <= reply.status < 400:
        target = brief(reply.headers.get("location", "another address"))
        return NoGateway(f"{name} redirects to {target}; use the URL that it leads to")
    return NoGateway(f"{name} is not a registry-gateway: it answers with {reply.status}")
