"""Statements on webhooks, and on the hold by which one gateway at a time delivers for each of them."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, insert, or_, select, update

from registry_gateway.core.model import EventKind
from registry_gateway.core.webhook import Attempt, Format, State, Webhook
from registry_gateway.core.webhook_schedule import HOLD_SECONDS, MOST_PAUSE
from registry_gateway.store.tables import WebhookRow

W = WebhookRow

_COLUMNS = [W.__table__.c[name] for name in Webhook.__struct_fields__]
_attempts = msgspec.json.Decoder(tuple[Attempt, ...]).decode

_PROGRESS = (
    "position",
    "skip_to",
    "pending_to",
    "failures",
    "failing_since",
    "waiting_since",
    "next_at",
    "delivered_at",
    "disabled_at",
    "disabled_reason",
)
"""The columns that deliveries change."""


class Taken(NamedTuple):
    """A webhook that was taken, and its last attempts, oldest first."""

    webhook: Webhook
    attempts: tuple[Attempt, ...]


class Progress(NamedTuple):
    """The state of a webhook after an attempt. `released` ends the hold."""

    webhook: Webhook
    attempts: tuple[Attempt, ...]
    released: bool


def _webhook(row: Any) -> Webhook:
    """Return the webhook in the first columns of a row."""
    values: dict[str, Any] = dict(zip(Webhook.__struct_fields__, row, strict=False))
    values["format"], values["kinds"] = Format(values["format"]), _kinds(values["kinds"])
    return Webhook(**values)


@lru_cache(maxsize=1_000)  # all webhooks are read again and again
def _kinds(text: str) -> tuple[EventKind, ...]:
    return msgspec.json.decode(text, type=tuple[EventKind, ...])


# --- administration


def add(connection: Connection, webhook: Webhook) -> Webhook:
    """Add a webhook; return it with its id."""
    values = msgspec.structs.asdict(webhook) | {
        "kinds": msgspec.json.encode(webhook.kinds).decode(),
        "format": webhook.format.value,
        "attempts": "[]",
    }
    del values["id"]
    number = connection.execute(insert(W).returning(W.id), values).scalar_one()
    return msgspec.structs.replace(webhook, id=number)


def count(connection: Connection) -> int:
    """Return the number of webhooks."""
    return connection.execute(select(func.count()).select_from(W)).scalar_one()


def read(connection: Connection) -> list[Webhook]:
    """Return all webhooks, oldest first."""
    return [_webhook(row) for row in connection.execute(select(*_COLUMNS).order_by(W.id))]


def find(connection: Connection, number: int, *, lock: bool = False) -> Webhook | None:
    """Return a webhook; None if it does not exist. With `lock` its row is locked."""
    statement = select(*_COLUMNS).where(W.id == number)
    row = connection.execute(statement.with_for_update() if lock else statement).one_or_none()
    return None if row is None else _webhook(row)


def attempts(connection: Connection, number: int) -> tuple[Attempt, ...] | None:
    """Return the last attempts of a webhook, oldest first; None if it does not exist."""
    text = connection.execute(select(W.attempts).where(W.id == number)).scalar_one_or_none()
    return None if text is None else _attempts(text)


def rotate(connection: Connection, webhook: Webhook) -> None:
    """Store the secrets of a webhook."""
    names = ("secret", "old_secret", "old_secret_ends_at")
    connection.execute(update(W).where(W.id == webhook.id).values({name: getattr(webhook, name) for name in names}))


def enable(connection: Connection, webhook: Webhook) -> None:
    """Store the progress of a webhook that was enabled. No gateway delivers for it."""
    values = {name: getattr(webhook, name) for name in _PROGRESS}
    connection.execute(update(W).where(W.id == webhook.id).values(values | {"holder": None, "held_until": None}))


def remove(connection: Connection, number: int) -> None:
    """Remove a webhook."""
    connection.execute(delete(W).where(W.id == number))


def count_by_state(connection: Connection, now: float) -> tuple[Mapping[State, int], float]:
    """Return the number of webhooks by state, and the age in seconds of the oldest event that waits for one that is
    failing; 0 if none does.
    """
    counts, oldest = dict.fromkeys(State, 0), now
    for disabled_at, failures, since in connection.execute(select(W.disabled_at, W.failures, W.waiting_since)):
        state = State.DISABLED if disabled_at is not None else State.FAILING if failures else State.ACTIVE
        counts[state] += 1
        if state is State.FAILING and since is not None:
            oldest = min(oldest, since)
    return counts, now - oldest


# --- deliveries


def enabled(connection: Connection, holder: str, now: float) -> list[tuple[Webhook, bool]]:
    """Return the webhooks that are enabled, and whether `holder` may take each now; those that wait longest first."""
    free = _free(holder, now).label("free")
    rows = connection.execute(select(*_COLUMNS, free).where(W.disabled_at.is_(None)).order_by(W.next_at, W.id))
    return [(_webhook(row), bool(row.free)) for row in rows]


def take(connection: Connection, numbers: Collection[int], holder: str, now: float, last: int) -> list[Taken]:
    """Take webhooks for `HOLD_SECONDS`; return those that were free. The next message ends at the event `last`.

    Of several gateways that try it at once, one gets each: the row is locked, and the condition is checked again under
    the lock. Rows that another one is taking are skipped.
    """
    wanted = select(W.id).where(W.id.in_(numbers), W.disabled_at.is_(None), _free(holder, now))
    locked = wanted.order_by(W.id).with_for_update(skip_locked=True).cte("wanted")
    statement = (
        update(W)
        .where(W.id.in_(select(locked.c.id)), _free(holder, now))
        .values(holder=holder, held_until=now + HOLD_SECONDS, pending_to=func.coalesce(W.pending_to, last))
        .returning(*_COLUMNS, W.attempts)
    )
    return [Taken(_webhook(row), _attempts(row.attempts)) for row in connection.execute(statement).all()]


def renew(connection: Connection, holder: str, now: float) -> set[int]:
    """Extend the holds of `holder`; return the webhooks that it holds."""
    statement = update(W).where(W.holder == holder).values(held_until=now + HOLD_SECONDS).returning(W.id)
    return set(connection.scalars(statement))


def save(connection: Connection, progress: Sequence[Progress], holder: str) -> list[bool]:
    """Store the results of attempts; return whether `holder` still held each webhook. If not, nothing is stored."""
    numbers = [p.webhook.id for p in progress]
    rows = select(W.id).where(W.id.in_(numbers), W.holder == holder).order_by(W.id).with_for_update()
    held = set(connection.scalars(rows))
    values = [_values(p, holder) for p in progress if p.webhook.id in held]
    if values:
        connection.execute(_SAVE, values)
    return [number in held for number in numbers]


_SAVE = (
    update(W)
    .where(W.id == bindparam("number"))
    .values({name: bindparam(f"new_{name}") for name in (*_PROGRESS, "attempts", "holder")})
)


def _values(progress: Progress, holder: str) -> dict[str, Any]:
    values = {f"new_{name}": getattr(progress.webhook, name) for name in _PROGRESS}
    return values | {
        "number": progress.webhook.id,
        "new_attempts": msgspec.json.encode(progress.attempts).decode(),
        "new_holder": None if progress.released else holder,
    }


def advance(connection: Connection, moved: Mapping[int, tuple[int, int]]) -> None:
    """Move positions over events that the webhooks do not want: by id from the first number to the second.

    A webhook whose position is already further is not changed.
    """
    values = [{"number": number, "old": old, "new": new} for number, (old, new) in sorted(moved.items())]
    connection.execute(_ADVANCE, values)


_ADVANCE = (
    update(W).where(W.id == bindparam("number"), W.position == bindparam("old")).values(position=bindparam("new"))
)


def release(connection: Connection, holder: str) -> None:
    """End all holds of `holder`."""
    connection.execute(update(W).where(W.holder == holder).values(holder=None, held_until=None))


def _free(holder: str, now: float) -> ColumnElement[bool]:
    """Return whether a delivery may begin: it is due, and no other gateway holds the webhook.

    A time that is further ahead than it can have been set shows that the clock was set back since.
    """
    due = or_(W.next_at <= now, W.next_at > now + MOST_PAUSE)
    ended = or_(W.held_until.is_(None), W.held_until <= now, W.held_until > now + HOLD_SECONDS)
    return and_(due, or_(W.holder.is_(None), W.holder == holder, ended))
