"""The seats of watchers: in all, of an address, and by the filters they have."""

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from registry_gateway.core.model import Event, EventKind
from registry_gateway.endpoints.catalogue import changes, watcher_limit
from registry_gateway.endpoints.catalogue.changes import Changes
from registry_gateway.endpoints.catalogue.watcher_limit import MOST_FILTERS, WatcherLimit
from registry_gateway.http.problem_details import Refused
from registry_gateway.store.statements.search import Wanted

EVERYTHING = Wanted()


def refusal(attempt: Callable[[], object]) -> tuple[int, str]:
    """The status and title of a refusal, which says when to come back."""
    with pytest.raises(Refused) as caught:
        attempt()
    assert caught.value.headers == {"Retry-After": "10"}
    return caught.value.status, caught.value.title


def test_one_address_may_have_all_watchers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher_limit, "MOST_WATCHERS", 3)
    limit = WatcherLimit(None)
    with ExitStack() as taken:
        for _ in range(3):
            taken.enter_context(limit.count("a", EVERYTHING))
        assert refusal(lambda: taken.enter_context(limit.count("b", EVERYTHING))) == (503, "Too many watchers")
        assert limit.taken == 3
    assert limit.taken == 0


def test_an_address_has_so_many_where_that_is_set() -> None:
    limit = WatcherLimit(2)
    with limit.count("a", EVERYTHING), ExitStack() as taken:
        taken.enter_context(limit.count("a", EVERYTHING))
        assert refusal(lambda: taken.enter_context(limit.count("a", EVERYTHING))) == (429, "Too many watchers")
        taken.enter_context(limit.count("b", EVERYTHING))
        taken.close()
        taken.enter_context(limit.count("a", EVERYTHING))


def test_filters_that_others_have_take_no_more_room() -> None:
    limit = WatcherLimit(None)
    different = [Wanted(text=f"x{number}") for number in range(MOST_FILTERS)]
    with ExitStack() as taken:
        for wanted in different:
            taken.enter_context(limit.count("a", wanted))
        assert refusal(lambda: taken.enter_context(limit.count("b", EVERYTHING))) == (503, "Too many filters")
        assert refusal(lambda: taken.enter_context(limit.count("b", Wanted(text="y")))) == (503, "Too many filters")
        taken.enter_context(limit.count("b", different[0]))
    with limit.count("b", EVERYTHING):
        assert limit.taken == 1


def test_equal_filters_are_looked_at_once_for_each_event(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Wanted] = []

    class Counted(changes._Filters):
        def __init__(self, wanted: Wanted) -> None:
            made.append(wanted)
            super().__init__(wanted)

    monkeypatch.setattr(changes, "_Filters", Counted)
    event = Event(
        id=1,
        at=0.0,
        kind=EventKind.REGISTERED,
        dialect="chap",
        key="x1",
        actor="anonymous",
        client_address=None,
        request_id=None,
        reason=None,
        detail={},
        name="n",
        version="1",
        service_address=None,
    )
    happened = Changes(0, [event], {})
    different = [Wanted(text=f"x{number}") for number in range(MOST_FILTERS)]
    sent = [[happened.messages(wanted) for wanted in different] for _ in range(3)]
    assert sent[0] == sent[1] == sent[2]
    assert [bool(message) for message in sent[0]] == [wanted.text == "x1" for wanted in different]
    assert made == different
