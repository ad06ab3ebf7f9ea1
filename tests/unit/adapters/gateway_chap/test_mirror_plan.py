"""When a service in Redis is put, prolonged, or left as it is."""

import json

import pytest

from gateway_chap import translate
from gateway_chap.mirror_plan import Lease, due, placed
from registry_gateway.core import lease as leases
from registry_gateway.core.lease import Health
from registry_gateway.core.model import Entry, Registration

NOW = 1_800_000_000.0
READ_AT = 1_000_000
INFO = b'{"id":"a","display_name":"A","period_type":"any","model_metadata":{}}'


def entry(left: float, info: bytes = INFO) -> Entry:
    """A service with a lease of 30 s, of which so much is left."""
    granted_at = NOW + left - 30
    registration = Registration(
        dialect="chap",
        key="a",
        name="A",
        version="1",
        address="http://a",
        owner=None,
        approved_at=granted_at,
        reported=None,
        advertised=False,
        registered_at=granted_at,
        updated_at=granted_at,
        lease=leases.grant(30, granted_at),
    )
    return Entry(registration, b'{"id":"a","url":"http://a","info":%s}' % info, None, Health.HEALTHY, NOW)


@pytest.mark.parametrize(
    ("remaining", "in_redis", "todo"),
    [
        (30, -2, "put"),
        (30, -1, "put"),
        (30, -3, "put"),
        (30, 30_000, None),
        (30, 16_000, None),
        (30, 14_000, "prolong"),
        (14.5, 14_000, None),
        (0.5, 450, None),
        (10, 29_000, "prolong"),
        (10, 10_050, None),
    ],
)
def test_what_is_done(remaining: float, in_redis: int, todo: str | None) -> None:
    assert due(Lease(entry(remaining), READ_AT), in_redis) == todo


def test_what_is_written_ends_with_the_lease_and_is_the_answer_to_a_get() -> None:
    decision = placed(entry(12.5), READ_AT)
    assert decision.service is not None
    assert decision.service.deadline == READ_AT + 12_500
    assert decision.service.value == translate.service(entry(12.5))
    assert (decision.refused, decision.summary) == (None, None)


def test_a_registration_differs_from_the_next_and_not_from_its_renewal() -> None:
    first = Lease(entry(12), READ_AT)
    assert first.registration == Lease(entry(12), READ_AT + 5).registration
    assert first.registration != Lease(entry(13), READ_AT).registration
    assert " " not in first.registration


def test_what_chap_core_would_not_accept_is_left_out_or_corrected() -> None:
    refused = placed(entry(12, b'{"id":"a","display_name":"A"}'), READ_AT)
    assert refused.service is None
    assert refused.summary == "chap-core would not show this: `period_type` is missing"
    corrected = placed(entry(12, INFO[:-1] + b',"target":null}'), READ_AT)
    assert corrected.service is not None
    assert json.loads(corrected.service.value)["info"]["target"] == "disease_cases"
    assert corrected.summary == (
        "chap-core is given a corrected copy: `target` is not a text, and is written as disease_cases"
    )
