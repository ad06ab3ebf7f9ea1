"""Which events a webhook wants, and what it shows of itself."""

import pytest

from registry_gateway.core.model import Event, EventKind
from registry_gateway.core.webhook import Format, Webhook


def webhook(*kinds: EventKind, dialect: str | None = None) -> Webhook:
    """A webhook with a secret."""
    return Webhook(
        id=7,
        url="https://hooks.example/secret-path",
        format=Format.JSON,
        kinds=kinds,
        dialect=dialect,
        secret="whsec_new",
        created_at=0.0,
        position=0,
        old_secret="whsec_old",
        old_secret_ends_at=100.0,
    )


def event(kind: EventKind, dialect: str = "chap") -> Event:
    """An event."""
    return Event(
        id=1,
        at=0.0,
        kind=kind,
        dialect=dialect,
        key="a",
        actor="gateway",
        client_address=None,
        request_id=None,
        reason=None,
        detail={},
    )


@pytest.mark.parametrize("kind", EventKind)
def test_without_a_filter_it_wants_everything(kind: EventKind) -> None:
    assert webhook().wants(event(kind))
    assert webhook().wants(event(kind, dialect=""))


def test_filters_must_all_fit() -> None:
    both = webhook(EventKind.EXPIRED, EventKind.RECOVERED, dialect="chap")
    assert both.wants(event(EventKind.EXPIRED))
    assert both.wants(event(EventKind.RECOVERED))
    assert not both.wants(event(EventKind.REGISTERED))
    assert not both.wants(event(EventKind.EXPIRED, dialect="runspec"))
    assert not both.wants(event(EventKind.EXPIRED, dialect=""))


def test_both_secrets_sign_until_the_overlap_is_over() -> None:
    assert webhook().secrets(99.0) == ["whsec_new", "whsec_old"]
    assert webhook().secrets(100.0) == ["whsec_new"]


def test_a_log_line_shows_neither_url_nor_secret() -> None:
    assert f"{webhook()} {webhook()!r}" == "Webhook 7 Webhook 7"
