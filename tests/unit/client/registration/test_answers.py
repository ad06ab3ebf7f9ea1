"""What answers mean, and the words for failures."""

import pytest

from registry_gateway.client.brief import LONGEST
from registry_gateway.client.registration.answers import Answer, NotAccepted


def failure(status: int, content: bytes = b"", **headers: str) -> str:
    """The message for a failed registration."""
    return str(Answer(status, headers, content).failure("cannot register"))


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        *((status, True) for status in (301, 400, 401, 403, 404, 409, 422)),
        *((status, False) for status in (408, 429, 500, 502, 503)),
    ],
)
def test_what_somebody_has_to_repair_is_refused(status: int, refused: bool) -> None:
    assert Answer(status, {}, b"").failure("cannot register").refused is refused


def test_the_pause_that_is_asked_for_is_kept() -> None:
    assert Answer(429, {"retry-after": "7"}, b"").failure("no heartbeat").retry_after == 7


def test_the_gateways_words_are_repeated() -> None:
    assert failure(401, b'{"detail":"Invalid service key"}').endswith("answers 401: Invalid service key")
    assert failure(403, b'{"error":{"message":"another account"}}').endswith("answers 403: another account")
    flaw = b'{"detail":[{"type":"x","loc":["body","info","id"],"msg":"must be a slug"}]}'
    assert failure(422, flaw).endswith("answers 422: body.info.id: must be a slug")


def test_a_redirect_is_named_with_its_target() -> None:
    assert "a redirect to https://gateway/" in failure(308, location="https://gateway/")


def test_a_wrong_url_is_suspected() -> None:
    assert failure(404, b"<html>").endswith("answers 404; is the URL right?")


def test_the_page_of_a_web_site_is_no_success() -> None:
    with pytest.raises(NotAccepted, match="another server answers 200 with a web page; is the URL right"):
        Answer(200, {}, b"<html>").check("cannot register")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"harbour"])
def test_a_success_is_whatever_the_dialect_answers(content: bytes) -> None:
    Answer(200, {}, content).check("cannot register")


def test_long_words_are_cut() -> None:
    assert len(failure(500, b'{"detail":"%s"}' % (b"x" * 100_000))) < LONGEST + 100


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_object_has_no_members(content: bytes) -> None:
    assert Answer(200, {}, content).body == {}
