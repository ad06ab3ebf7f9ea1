"""What chap-core is given of a document. That it accepts this is tested with its own classes, in tests/e2e."""

import json
from typing import Any

import pytest

from gateway_chap.chap_core_rules import check, unreadable

METADATA = {"author": "A", "contact_email": "a@example.org", "repository_url": "https://example.org/r"}
INFO = {
    "id": "my-model",
    "display_name": "My model",
    "period_type": "monthly",
    "model_metadata": METADATA,
    "new": {"members": []},
}
TIMES = dict.fromkeys(("registered_at", "last_updated", "last_ping_at", "expires_at"), "2027-01-15T08:00:00+00:00")


def document(info: dict[str, Any]) -> bytes:
    return json.dumps({"id": info.get("id", "my-model"), "url": "http://model:8000", "info": info}).encode()


def test_a_good_document_is_given_byte_for_byte() -> None:
    stored = document(INFO)
    checked = check(stored)
    assert (checked.document, checked.refused, checked.corrected) == (stored, None, ())


@pytest.mark.parametrize(
    ("info", "text"),
    [
        ({"period_type": ...}, "`period_type` is missing"),
        ({"period_type": "daily"}, "`period_type` is not weekly, monthly or any"),
        ({"id": "a-"}, "`id` is not lower case words joined by single hyphens"),
        ({"id": "a--b"}, "`id` is not lower case words joined by single hyphens"),
        ({"display_name": 1}, "`display_name` is not a text"),
        ({"model_metadata": "text"}, "`model_metadata` is not an object"),
    ],
    ids=str,
)
def test_what_lacks_a_required_member_is_refused(info: dict[str, Any], text: str) -> None:
    changed = {name: value for name, value in (INFO | info).items() if value is not ...}
    checked = check(document(changed))
    assert checked.document is None
    assert checked.refused is not None
    assert checked.refused.text == text


@pytest.mark.parametrize(
    ("info", "member"),
    [
        ({"target": None}, "target"),
        ({"target": 3}, "target"),
        ({"hpo_search_space": ["a"]}, "hpo_search_space"),
        ({"chapkit_version": 2}, "chapkit_version"),
        ({"servicekit_version": {}}, "servicekit_version"),
        ({"required_covariates": ["rain", 1]}, "required_covariates"),
        ({"requires_geo": "yes"}, "requires_geo"),
        ({"min_prediction_periods": 1.5}, "min_prediction_periods"),
        *[
            ({"model_metadata": METADATA | {"contact_email": email}}, "model_metadata.contact_email")
            for email in ("", "word", "a@localhost", "a@b.local", "a@b.test", "a" * 65 + "@b.org", "a@b.c1", "ü@b.org")
        ],
        *[
            ({"model_metadata": METADATA | {"repository_url": url}}, "model_metadata.repository_url")
            for url in (
                "",
                "/path",
                "www.example.com",
                "git@github.com:a/b",
                "ftp://example.org",
                "two words",
                "http://1.2.3",
                "http://[::g]/",
                "http://a:99999",
                "http://a..b",
                f"http://a/{'x' * 2083}",
                f"http://a/{'é' * 400}",
            )
        ],
    ],
    ids=str,
)
def test_an_unusable_optional_member_is_left_out(info: dict[str, Any], member: str) -> None:
    checked = check(document(INFO | info))
    assert [problem.member for problem in checked.corrected] == [member]
    assert checked.document is not None
    given = json.loads(checked.document)["info"]
    assert given.get("target", "disease_cases") == "disease_cases"
    assert check(checked.document).corrected == ()
    *_, last = member.split(".")
    assert last == "target" or last not in given | given["model_metadata"]
    assert given["new"] == {"members": []}


def test_metadata_that_are_missing_are_written_as_an_empty_object() -> None:
    for absent in ({"model_metadata": None}, {}):
        info = {name: value for name, value in INFO.items() if name != "model_metadata"} | absent
        checked = check(document(info))
        assert checked.document is not None
        assert json.loads(checked.document)["info"]["model_metadata"] == {}
        assert [problem.text for problem in checked.corrected] == ["`model_metadata` is missing, and written as {}"]


def test_an_integer_that_python_does_not_decode_is_left_out() -> None:
    stored = document(INFO)[:-2] + b',"more":' + b"1" * 5000 + b"}}"
    checked = check(stored)
    assert checked.document is not None
    assert "more" not in json.loads(checked.document)["info"]


def test_addresses_and_urls_of_common_forms_pass() -> None:
    for url in (
        "http://localhost:8000/a?b#c",
        "https://a_b.example/é",
        "http://[::1]:80/",
        "HTTP://10.0.0.1",
        "http://a",
    ):
        assert check(document(INFO | {"model_metadata": {"documentation_url": url}})).corrected == ()
    for email in ("a.b+c@example.co.uk", "a@sub-domain.example.org"):
        assert check(document(INFO | {"model_metadata": {"contact_email": email}})).corrected == ()


def test_what_is_no_document_is_refused() -> None:
    for stored in (b"", b"[]", b'{"id":1}', b'{"id":"a","url":"u"}'):
        assert check(stored).document is None
    other = json.loads(document(INFO)) | {"id": "other"}
    assert check(json.dumps(other).encode()).refused is not None


def test_a_value_of_redis_is_judged_with_its_times() -> None:
    value = json.loads(document(INFO)) | TIMES
    assert unreadable(json.dumps(value).encode()) is None
    assert unreadable(b"[]") == "it is not a JSON object"
    assert unreadable(json.dumps({**value, "expires_at": 3}).encode()) == "`expires_at` is not a text"
    del value["expires_at"]
    assert unreadable(json.dumps(value).encode()) == "`expires_at` is missing"
    value = json.loads(document({**INFO, "target": None})) | TIMES
    assert unreadable(json.dumps(value).encode()) == "`target` is not a text, and is written as disease_cases"
