"""When a service has the status that is waited for."""

import msgspec
import pytest

from registry_gateway.client.answers import decoded
from registry_gateway.client.services import Change, Service
from registry_gateway.client.waiting import Waiting
from registry_gateway.client.watch import Snapshot
from registry_gateway.core.model import Event
from tests.unit.client.test_answers import service
from tests.unit.client.test_watch import EVENT


def listed(**more: object) -> Service:
    """A service."""
    return decoded(msgspec.json.encode(service(**more)), Service, "http://gateway")


def snapshot(*services: Service) -> Snapshot:
    """The start of a watch."""
    return Snapshot(services=list(services), missed=False)


def change(found: Service | None, **event: object) -> Change:
    """A change of the service."""
    happened = {**EVENT, "id": 1, "client_address": None, "request_id": None, "detail": {}, **event}
    return Change(event=msgspec.convert(happened, Event), service=found)


def test_it_may_have_the_status_already() -> None:
    waiting = Waiting("malaria", "up", None)
    assert waiting.reached(snapshot(listed()))
    assert waiting.service == listed()


def test_it_may_get_it() -> None:
    waiting = Waiting("malaria", "up", None)
    assert not waiting.reached(snapshot(listed(key="malaria-2")))
    assert not waiting.reached(change(listed(key="malaria-2"), key="malaria-2"))
    assert not waiting.reached(change(listed(status="pending")))
    assert "it is pending" in str(waiting.late(3.0))
    assert waiting.reached(change(listed()))


def test_what_was_never_registered_is_gone() -> None:
    waiting = Waiting("malaria", "gone", None)
    assert waiting.reached(snapshot())
    assert waiting.service is None


def test_it_is_gone_when_it_is_gone_in_every_dialect() -> None:
    waiting = Waiting("malaria", "gone", None)
    assert not waiting.reached(snapshot(listed(), listed(dialect="runspec", status="down")))
    assert not waiting.reached(change(None))
    assert waiting.service == listed(dialect="runspec", status="down")
    assert waiting.reached(change(None, dialect="runspec"))


def test_one_dialect_is_enough_for_other_statuses() -> None:
    waiting = Waiting("malaria", "up", None)
    assert waiting.reached(snapshot(listed(status="down"), listed(dialect="runspec")))
    assert waiting.service == listed(dialect="runspec")


def test_a_watch_that_starts_over_replaces_what_was_known() -> None:
    waiting = Waiting("malaria", "gone", None)
    assert not waiting.reached(snapshot(listed()))
    assert waiting.reached(snapshot())


def test_what_is_watched() -> None:
    assert Waiting("malaria", "up", None).filters == {"q": "malaria"}
    assert Waiting("malaria", "up", "chap").filters == {"q": "malaria", "dialect": "chap"}


def test_the_words_when_it_is_late() -> None:
    waiting = Waiting("malaria", "up", None)
    assert str(waiting.late(1.5)) == "malaria is not up after 1.5 s: the gateway has not answered"
    waiting.reached(snapshot())
    assert str(waiting.late(60.0)) == "malaria is not up after 60 s: it is gone"


def test_a_status_that_there_is_not_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="not a valid Status"):
        Waiting("malaria", "uo", None)
