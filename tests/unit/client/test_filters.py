"""The filters of the client are those of the gateway, and are sent as it reads them."""

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs

import msgspec
import pytest

from registry_gateway.client.filters import (
    ListFilters,
    LogFilters,
    PastFilters,
    ServiceFilters,
    ToolFilters,
    encoded,
)
from registry_gateway.endpoints.catalogue.log_query import LogQuery
from registry_gateway.endpoints.catalogue.query import Services, Watching
from registry_gateway.endpoints.catalogue.tool_query import Tools

PAGING = {"limit", "cursor", "after", "fields", "at", "last_event_id"}
"""Parameters that the client sets by itself, or does not have."""


@pytest.mark.parametrize(
    ("filters", "query"),
    [(ListFilters, Services), (ServiceFilters, Watching), (LogFilters, LogQuery), (ToolFilters, Tools)],
)
def test_they_are_those_of_the_gateway(filters: type, query: type[msgspec.Struct]) -> None:
    assert set(filters.__annotations__) == set(query.__struct_fields__) - PAGING


def test_those_of_the_past_have_no_status_and_no_tool() -> None:
    assert set(PastFilters.__annotations__) == set(ListFilters.__annotations__) - {"status", "tool"}


def test_several_values_are_one_parameter() -> None:
    assert encoded({"status": ("up", "down"), "dialect": {"chap"}}) == "status=up%2Cdown&dialect=chap"
    assert encoded({"status": "up"}) == "status=up"
    assert encoded({"dialect": (name for name in ("chap", "runspec"))}) == "dialect=chap%2Crunspec"


def test_values_are_escaped() -> None:
    assert parse_qs(encoded({"q": "a&b=c+d é"})) == {"q": ["a&b=c+d é"]}


def test_times_have_a_time_zone() -> None:
    moment = datetime(2026, 11, 21, 23, 38, tzinfo=UTC)
    assert parse_qs(encoded({"since": moment})) == {"since": ["2026-11-21T23:38:00+00:00"]}
    there = moment.astimezone(timezone(timedelta(hours=-3)))
    assert parse_qs(encoded({"since": there})) == {"since": ["2026-11-21T20:38:00-03:00"]}
    assert encoded({"since": 1795304303.25, "until": "1h"}) == "since=1795304303.25&until=1h"
    with pytest.raises(ValueError, match="has no time zone"):
        encoded({"since": datetime(2026, 11, 21)})
