"""What the core raises, as each dialect words it where the wire has no way to provoke it."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest
from starlette.types import Message, Scope

import gateway_chap.faults
import gateway_runspec.faults
import gateway_scaicontrol.faults
from registry_gateway.core.errors import INTERRUPTED, OutcomeUnknown, StoreUnavailable, Unstorable
from registry_gateway.http import problem_details
from registry_gateway.http.answer import Answer
from registry_gateway.http.call import Call
from registry_gateway.http.fastapi_errors import UNAVAILABLE, UNKNOWN
from registry_gateway.http.mount import Mount, Mounted
from registry_gateway.http.routing import resource
from registry_gateway.observability.metrics import Requests
from registry_gateway.observability.shared_counters import SharedCounters

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "request_id": "req_1"}
FLAW = {"type": "value_error", "loc": ["body"], "msg": "A value in it can't be stored"}


@pytest.mark.parametrize(
    "fault", [gateway_chap.faults.fault, gateway_runspec.faults.fault, gateway_scaicontrol.faults.fault]
)
def test_what_can_not_be_stored_is_a_422_that_repeats_nothing(fault: Callable[[Exception, Scope], Answer]) -> None:
    answer = fault(Unstorable("the database takes no such values: s3cret"), SCOPE)
    assert (answer.status, msgspec.json.decode(answer.body)) == (422, {"detail": [FLAW]})


def test_what_can_not_be_stored_is_a_422_of_the_gateways_own_endpoints_too() -> None:
    answer = problem_details.fault(Unstorable("the database takes no such values: s3cret"), SCOPE)
    assert answer.status == 422
    assert b"s3cret" not in answer.body


FAULTS = [
    gateway_chap.faults.fault,
    gateway_runspec.faults.fault,
    gateway_scaicontrol.faults.fault,
    problem_details.fault,
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_dialect_says_whether_nothing_was_changed_or_that_it_is_not_known(
    fault: Callable[[Exception, Scope], Answer], method: str
) -> None:
    scope = {**SCOPE, "method": method}
    refused, unknown = fault(StoreUnavailable("s3cret"), scope), fault(OutcomeUnknown("s3cret"), scope)
    for answer, words in ((refused, UNAVAILABLE), (unknown, UNKNOWN)):
        assert answer.status == 503
        assert (b"retry-after", b"1") in answer.headers
        assert words.encode() in answer.body
        assert b"s3cret" not in answer.body
    assert b"nothing was changed" not in unknown.body


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("noted", "words"), [(True, UNKNOWN), (False, UNAVAILABLE)])
def test_a_request_that_is_cancelled_at_a_stop_is_answered_in_its_dialects_words(
    fault: Callable[[Exception, Scope], Answer], noted: bool, words: str
) -> None:
    sent: list[Message] = []

    async def hanging(_call: Call) -> Answer:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as cancelled:
            if noted:
                cancelled.add_note(INTERRUPTED)
            raise
        return Answer(200)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def stopped() -> None:
        mounted = Mounted("x", Mount([resource("/", POST=hanging)], fault), Requests(SharedCounters(), "x", {}))
        request = asyncio.create_task(mounted({**SCOPE, "headers": []}, receive, send))
        await asyncio.sleep(0.01)
        request.cancel()
        await request

    asyncio.run(stopped())
    assert sent[0]["status"] == 503
    assert words.encode() in sent[1]["body"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_is_cancelled_while_its_answer_leaves_gets_no_other(
    fault: Callable[[Exception, Scope], Answer],
) -> None:
    sent: list[Message] = []

    async def answering(_call: Call) -> Answer:
        return Answer(200, b"{}")

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)
        await asyncio.Event().wait()  # a client that reads nothing

    async def stopped() -> None:
        mounted = Mounted("x", Mount([resource("/", POST=answering)], fault), Requests(SharedCounters(), "x", {}))
        request = asyncio.create_task(mounted({**SCOPE, "headers": []}, receive, send))
        await asyncio.sleep(0.01)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    asyncio.run(stopped())
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert sent[0]["status"] == 200
