"""Export of the registry as JSON, one object per line."""

from collections.abc import AsyncGenerator
from typing import Literal

import msgspec

from registry_gateway.core.lease import Policies
from registry_gateway.core.model import Event
from registry_gateway.core.status import Status, status
from registry_gateway.http.representations import lease_view, spliced
from registry_gateway.registry.queries import Queries
from registry_gateway.store import all_rows
from registry_gateway.store.engine import Store
from registry_gateway.store.statements.registrations import Found
from registry_gateway.wire.lease import LeaseView

_encode = msgspec.json.Encoder().encode


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """The exported form of a registration. Times are epoch seconds, durations are seconds.

    `status` is the status at the time of the export. `tools` are the names of its tools. `document` and
    `tools_document` are what the dialect stores: JSON unchanged, other text as a string. `tools_document` is null if
    no tools were posted separately.
    """

    type: Literal["registration"] = "registration"
    dialect: str
    key: str
    name: str
    version: str
    address: str | None
    owner: str | None
    status: Status
    reported: str | None
    approved_at: float | None
    registered_at: float
    updated_at: float
    lease: LeaseView
    tools: list[str]
    document: msgspec.Raw
    tools_document: msgspec.Raw | None


async def lines(
    store: Store, queries: Queries, *, dialect: str | None, events: bool, accounts: bool = True
) -> AsyncGenerator[bytes]:
    """Yield a JSON object for each registration and then, with `events`, for each event. All come from one snapshot.

    Without `accounts`, the events of accounts and webhooks are left out.

    Raises:
        StoreUnavailable: The database can't be reached, or was lost during the export.
    """
    async with all_rows.snapshot(store) as connection:
        now = await all_rows.read(connection, queries.time)
        async for found, tools in all_rows.registrations(connection, dialect):
            yield _encode(_line(found, tools, queries.policies, now))
        if events:
            async for event in all_rows.events(connection, dialect):
                if event.kind.startswith(("account_", "webhook_")) and not accounts:
                    continue
                yield _encode(_event(event))


def _line(found: Found, tools: list[str], policies: Policies, now: float) -> Registration:
    registration, document, tools_document = found
    return Registration(
        dialect=registration.dialect,
        key=registration.key,
        name=registration.name,
        version=registration.version,
        address=registration.address,
        owner=registration.owner,
        status=status(registration, policies.of(registration.dialect), now),
        reported=registration.reported,
        approved_at=registration.approved_at,
        registered_at=registration.registered_at,
        updated_at=registration.updated_at,
        lease=lease_view(registration.lease, now),
        tools=tools,
        document=spliced(document),
        tools_document=None if tools_document is None else spliced(tools_document),
    )


def _event(event: Event) -> dict[str, object]:
    return {"type": "event", **msgspec.structs.asdict(event)}
