"""What can be asked of the registry, and what is answered. `transitions` says what each does."""

from typing import Literal

import msgspec

from registry_gateway.core.model import Actor, Registration


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """Put a service into the registry and grant it a lease of `ttl` seconds.

    `mode` is what to expect: `create` refuses a live one, `update` needs one, `replace` takes both.
    `approved` approves it at once; an approval once given is kept. `tools` are the names of the tools it
    can be found by; each registration replaces them.
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
    """Renew a lease: a heartbeat. `version` and `reported` are recorded where they are given and differ."""

    dialect: str
    key: str
    actor: Actor
    owner: str | None = None
    version: str | None = None
    reported: str | None = None


class Advertise(msgspec.Struct, frozen=True):
    """Replace the tools of a registration, posted apart from its document, with these bytes.

    `tools` are their names: what the registration can be found by.
    """

    dialect: str
    key: str
    tools_document: bytes
    actor: Actor
    tools: tuple[str, ...] = ()


class Deregister(msgspec.Struct, frozen=True, kw_only=True):
    """End a registration. `forced` is an administrator's: it passes the owner check."""

    dialect: str
    key: str
    actor: Actor
    owner: str | None = None
    reason: str | None = None
    forced: bool = False


class Approve(msgspec.Struct, frozen=True):
    """Approve a pending registration. Approving an approved one changes nothing."""

    dialect: str
    key: str
    actor: Actor


Command = Register | Renew | Advertise | Deregister | Approve


class Registered(msgspec.Struct, frozen=True):
    """The registration is in; `created` tells a new one from a renewed or replaced one."""

    registration: Registration
    created: bool


class Renewed(msgspec.Struct, frozen=True):
    """The lease runs for another full ttl."""

    registration: Registration


class Lapsed(msgspec.Struct, frozen=True):
    """The heartbeat came after the deadline and the policy refuses such."""

    registration: Registration


class Unknown(msgspec.Struct, frozen=True):
    """Nothing is registered under that key."""


class Done(msgspec.Struct, frozen=True):
    """The change is in the database; `registration` is how it stood just before (deregister) or stands now."""

    registration: Registration


Renewal = Renewed | Lapsed | Unknown
Outcome = Registered | Renewed | Lapsed | Unknown | Done
