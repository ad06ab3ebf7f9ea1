"""Documents of all dialects, and what is installed."""

import json
import subprocess
import sys

import pytest

from registry_gateway.client.registration import dialect
from registry_gateway.client.registration.dialect import ClientDialect, Request, Usual

USUAL: dict[str, Usual] = {
    "chap": {"id": "my-model", "name": "My model", "url": "http://my-model:8000"},
    "scaicontrol": {"id": "invoices", "name": "Invoices", "version": "1.2.0"},
    "runspec": {"id": "agent-1", "name": "agent", "host": "web-1", "version": "1.2.0"},
}


@pytest.fixture(params=sorted(USUAL))
def spoken(request: pytest.FixtureRequest) -> ClientDialect:
    """Each dialect in turn."""
    return dialect.named(request.param)


def test_the_dialects_of_the_gateway_are_installed() -> None:
    assert set(dialect.names()) == set(USUAL)


def test_another_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"^no dialect corba \(installed: chap, runspec, scaicontrol\)$"):
        dialect.named("corba")


def test_the_usual_members_make_a_document(spoken: ClientDialect) -> None:
    document = spoken.completed({}, USUAL[spoken.name])
    assert {member: spoken.value(document, member) for member in USUAL[spoken.name]} == USUAL[spoken.name]
    assert spoken.key(document) == USUAL[spoken.name]["id"]


def test_options_replace_members_and_leave_the_document_alone() -> None:
    given = {"url": "http://old", "info": {"id": "my-model", "display_name": "Old", "target": 7}}
    document = dialect.named("chap").completed(given, {"name": "New", "url": "http://new"})
    assert document == {"url": "http://new", "info": {"id": "my-model", "display_name": "New", "target": 7}}
    assert given["info"] == {"id": "my-model", "display_name": "Old", "target": 7}


def test_what_is_missing_is_named_with_its_place(spoken: ClientDialect) -> None:
    place = ".".join(spoken.members["id"])
    with pytest.raises(ValueError, match=rf"^{spoken.name} needs id and name.* \(in a document: {place}, "):
        spoken.completed({}, {})


def test_what_json_can_not_hold_is_refused() -> None:
    document: dict[str, object] = {"url": "http://a", "info": {"id": "a", "display_name": "A"}}
    document["self"] = document
    with pytest.raises(ValueError, match="can't be written as JSON: maximum recursion depth"):
        dialect.named("chap").completed(document, {})


def test_a_member_that_the_dialect_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^chap has no host \(it has id, name, url, version\)$"):
        dialect.named("chap").completed({}, {"host": "web-1"})


def test_a_document_with_another_form_has_missing_members() -> None:
    with pytest.raises(ValueError, match="chap needs id and name"):
        dialect.named("chap").completed({"url": "http://my-model", "info": "text"}, {})


def test_keys_are_one_segment_of_a_path(spoken: ClientDialect) -> None:
    document = spoken.completed({}, {**USUAL[spoken.name], "id": "a/b?c#d e"})
    for request in (spoken.heartbeat(document, True), spoken.deregister(document)):
        assert request is not None
        assert not set("?# ") & set(request.path)
        assert "a%2Fb" in request.path or "a/b" in json.dumps(request.body)


def test_only_scaicontrol_says_that_a_service_is_not_well() -> None:
    said = {}
    for name, usual in USUAL.items():
        spoken = dialect.named(name)
        said[name] = spoken.heartbeat(spoken.completed({}, usual), False)
    unhealthy = {"slug": "invoices", "status": "unhealthy"}
    assert said == {
        "chap": None,
        "runspec": None,
        "scaicontrol": Request("POST", "/api/v1/registry/heartbeat", unhealthy),
    }


@pytest.mark.parametrize(
    ("name", "body", "lease"),
    [
        ("chap", {"ttl_seconds": 45}, 45),
        ("chap", {"last_ping_at": "2026-11-21T22:48:31+00:00", "expires_at": "2026-11-21T22:49:01+00:00"}, 30),
        ("chap", {"last_ping_at": "now", "expires_at": "later"}, None),
        ("chap", {"last_ping_at": "2026-11-21T22:48:31", "expires_at": "2026-11-21T22:49:01+00:00"}, None),
        ("chap", {}, None),
        ("scaicontrol", {"data": {"heartbeat_interval_seconds": 20}}, 60),
        ("scaicontrol", {"data": {"next_heartbeat_in_seconds": 5}}, 15),
        ("scaicontrol", {"data": {"heartbeat_interval_seconds": "soon"}}, None),
        ("scaicontrol", {"data": []}, None),
        ("runspec", {"status": "ok"}, None),
    ],
)
def test_the_lease_is_read_from_answers(name: str, body: dict[str, object], lease: float | None) -> None:
    assert dialect.named(name).lease_of(body) == lease


def test_clients_import_no_server() -> None:
    program = """
import sys, registry_gateway.client
assert "httpx" not in sys.modules
registry_gateway.client.Registration("http://gateway", "chap", id="a", name="A", url="http://a")
print([name for name in ("sqlalchemy", "alembic", "starlette", "uvicorn", "pydantic") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
