"""What a gateway's refusals mean to the person at the command line."""

from typing import Annotated

import click
import msgspec
from msgspec import Meta

from registry_gateway.client.brief import brief
from registry_gateway.client.reply import Reply
from registry_gateway.core.errors import (
    AccountRevoked,
    AlreadyExists,
    Ambiguous,
    InvalidAccount,
    InvalidUrl,
    NotFound,
    NotInLog,
    NotRegistered,
    RegistryError,
    StillSubscribed,
    TooMany,
    UnusableUrl,
)
from registry_gateway.http.body import parse
from registry_gateway.http.problem_details import MEDIA_TYPE
from registry_gateway.http.remote_server import Unreachable, shown

ERRORS: dict[str, type[RegistryError]] = {
    error.code: error
    for error in (
        AccountRevoked,
        AlreadyExists,
        Ambiguous,
        InvalidAccount,
        InvalidUrl,
        NotFound,
        NotRegistered,
        StillSubscribed,
        TooMany,
        UnusableUrl,
    )
}
"""The errors of the core that a command words like those of a database, by their code."""

_CREATE = "registry-gateway accounts create NAME --scope"


class Refused(click.ClickException):
    """The gateway refused a request. The message says why and what to do."""


class NotReady(Refused):
    """The gateway can't work at present: its database is unavailable, or it has too much to do."""


class GatewayAway(NotReady):
    """A proxy answers that the gateway does not, or not in time. The request may have had its effect."""


class _Problem(msgspec.Struct):
    detail: str
    code: str | None = None
    parameter: str | None = None
    at: tuple[str | int, ...] = ()
    last_event_id: Annotated[int, Meta(ge=0)] = 0
    first: Annotated[int, Meta(ge=0)] = 1
    last: Annotated[int, Meta(ge=0)] = 0


def refusal(name: str, path: str, reply: Reply, *, with_token: bool) -> Exception:
    """Return the error for an answer that is no success of a gateway.

    `name` is what the gateway is called in messages, `path` what was requested there, `with_token` whether the request
    had a token.
    """
    if 300 <= reply.status < 400:
        target = reply.headers.get("location", "another address").partition("?")[0].removesuffix(f"/{path}")
        target = shown(target) if "://" in target else target
        return Unreachable(f"{name} redirects to {brief(target)}; use the URL that it leads to")
    if not is_problem(reply):
        return _not_a_gateway(name, reply)
    try:
        problem = parse(reply.body, msgspec.json.Decoder(_Problem))
    except msgspec.DecodeError:
        return _not_a_gateway(name, reply)
    detail = brief(problem.detail)
    if problem.code in ERRORS:
        return ERRORS[problem.code](detail)
    match reply.status:
        case 401 if not with_token:
            return Refused(f"{name} needs a token: set REGISTRY_TOKEN to one of an account that may do this")
        case 401:
            return Refused(f"{name} does not accept the token of REGISTRY_TOKEN: it is unknown, expired or revoked")
        case 403:
            return Refused(f"{name} refuses the token of REGISTRY_TOKEN: {detail} (there: {_CREATE} SCOPE)")
        case 404:
            return Refused(
                f"administration over HTTP is off at {name}, because no valid token has the scope admin:registry "
                f"(there: {_CREATE} admin:registry); or it is an older version, which does not have this"
            )
        case 410:
            return NotInLog(problem.last_event_id, problem.first, problem.last)
        case 503:
            return NotReady(f"{name} is not ready: {detail}")
    return refused(name, detail, problem.parameter or ".".join(str(step) for step in problem.at[1:]) or None)


def refused(name: str, detail: str, parameter: str | None) -> Refused:
    """Return the error for an invalid request; `parameter` is its part, if that is known."""
    where = "" if parameter is None else f"{brief(parameter)}: "
    return Refused(f"{name} refuses this: {where}{detail}")


def is_problem(reply: Reply) -> bool:
    """Return whether an error is a gateway's own, and not that of a proxy or another server."""
    return reply.headers.get("content-type", "").startswith(MEDIA_TYPE)


def _not_a_gateway(name: str, reply: Reply) -> Exception:
    what = f"{reply.status} ({brief(reply.headers.get('content-type', 'no content type'))})"
    if reply.status in (502, 503, 504):
        return GatewayAway(f"{name} is not ready: a proxy answers with {what} instead of it")
    return Unreachable(
        f"{name} is not a registry-gateway, or a proxy answers instead of it: {what} (registry-gateway doctor {name} "
        "says more)"
    )
