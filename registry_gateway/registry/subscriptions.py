"""Subscriptions: their begin and end, each in one transaction with its event."""

from sqlalchemy import Connection

from registry_gateway.core.errors import AlreadyExists, NotFound, NotRegistered
from registry_gateway.core.lease import REVOKED, LeasePolicy
from registry_gateway.core.model import Actor, Event, EventKind, Registration, Subscription
from registry_gateway.core.registration_events import happened
from registry_gateway.core.transitions import existing
from registry_gateway.store.statements import events, registrations, subscriptions


def subscribe(
    connection: Connection,
    policy: LeasePolicy,
    dialect: str,
    key: str,
    subscriber: str,
    actor: Actor,
    now: float | None,
) -> tuple[Subscription, Event] | None:
    """Record that `subscriber` depends on a registration. Returns None, with no effect, if its lease must be judged
    first.

    `now` is None for the time of the database server.

    Raises:
        NotRegistered: The key is not registered.
        AlreadyExists: It has an active subscription of that subscriber.
    """
    found, at = registrations.lock(connection, {(dialect, key)}, now)
    held = found.get((dialect, key))
    if held is not None and held.lease.overdue(at):
        return None
    return _subscribe(connection, existing(held, policy, at, key), subscriber, actor, at)


def judge_and_subscribe(
    connection: Connection, policy: LeasePolicy, dialect: str, key: str, subscriber: str, actor: Actor, now: float
) -> tuple[Subscription, Event]:
    """Do what `subscribe` does, also for an overdue lease, in a transaction that has signed presence."""
    held = registrations.lock(connection, {(dialect, key)}, now)[0].get((dialect, key))
    return _subscribe(connection, existing(held, policy, now, key), subscriber, actor, now)


def _subscribe(
    connection: Connection, registration: Registration, subscriber: str, actor: Actor, now: float
) -> tuple[Subscription, Event]:
    dialect, key = registration.dialect, registration.key
    if registration.lease.stage == REVOKED:
        raise NotRegistered(f"{key} is not registered")
    if subscriptions.count_active(connection, [(dialect, key)], subscriber):
        raise AlreadyExists(f"{subscriber} is subscribed to {key} already")
    added = subscriptions.add(connection, dialect, key, subscriber, now)
    event = happened(EventKind.SUBSCRIBED, registration, actor, now, subscriber=subscriber, subscription=added.id)
    events.record(connection, [event])
    return added, event


def unsubscribe(connection: Connection, number: int, actor: Actor, now: float) -> tuple[Subscription, Event]:
    """Cancel a subscription by its number.

    Raises:
        NotFound: There is no active subscription of that number.
    """
    ended = subscriptions.cancel(connection, number, now)
    if ended is None:
        raise NotFound(f"there is no active subscription {number}")
    held, _ = registrations.lock(connection, {(ended.dialect, ended.key)}, now)
    registration = held[ended.dialect, ended.key]
    event = happened(EventKind.UNSUBSCRIBED, registration, actor, now, subscriber=ended.subscriber, subscription=number)
    events.record(connection, [event])
    return ended, event
