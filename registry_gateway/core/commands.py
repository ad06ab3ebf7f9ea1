"""The commands of the registry and their outcomes. `transitions` defines what each command does."""

from typing import Literal

import msgspec

from registry_gateway.core.model import Actor, Registration


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """Registers a service and grants it a lease of `ttl` seconds.

    `mode`: `create` refuses a live registration, `update` requires an existing one, `replace` accepts both. `approved`
    approves the registration at once; an approval is never withdrawn. `tools` are the tool names that searches find;
    each registration replaces them.
    """

    dialect: str
    key: str
    name: str
    version: str
    ttl: float
    document: bytes
    mode: Literal["create", "update", "replace"]
    actor: Actor
    address: str | None = None
    owner: str | None = None
    approved: bool = True
    tools: tuple[str, ...] = ()


class Renew(msgspec.Struct, frozen=True):
    """Renews a lease: a heartbeat. `version` and `reported` are recorded if they are given and differ."""

    dialect: str
    key: str
    actor: Actor
    owner: str | None = None
    version: str | None = None
    reported: str | None = None


class Advertise(msgspec.Struct, frozen=True):
    """Replaces the tools document of a registration, which is posted separately from its document.

    `tools` are the tool names that searches find.
    """

    dialect: str
    key: str
    tools_document: bytes
    actor: Actor
    tools: tuple[str, ...] = ()


class Deregister(msgspec.Struct, frozen=True, kw_only=True):
    """Ends a registration. `forced` is for administrators: it skips the owner check."""

    dialect: str
    key: str
    actor: Actor
    owner: str | None = None
    reason: str | None = None
    forced: bool = False


class Approve(msgspec.Struct, frozen=True):
    """Approves a pending registration. Approving an approved one changes nothing."""

    dialect: str
    key: str
    actor: Actor


Command = Register | Renew | Advertise | Deregister | Approve


class Registered(msgspec.Struct, frozen=True):
    """The service is registered; `created` is False if a registration was updated or replaced."""

    registration: Registration
    created: bool


class Renewed(msgspec.Struct, frozen=True):
    """The lease runs for another full ttl."""

    registration: Registration


class Lapsed(msgspec.Struct, frozen=True):
    """The heartbeat came after the deadline, and the policy refuses late heartbeats."""

    registration: Registration


class Unknown(msgspec.Struct, frozen=True):
    """Nothing is registered under that key."""


class Done(msgspec.Struct, frozen=True):
    """The change is committed; `registration` is the state before a deregistration, or after any other command."""

    registration: Registration


Renewal = Renewed | Lapsed | Unknown
Outcome = Registered | Renewed | Lapsed | Unknown | Done
