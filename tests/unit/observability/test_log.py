"""The log: one line an occurrence, whatever is in it."""

import json
import logging
import logging.config
import sys
from typing import Any

import msgspec
import pytest

from registry_gateway.observability.log import JsonFormatter, Occurrences, TextFormatter, configuration


def record(message: str, *args: object, **fields: Any) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "registry_gateway.test", "levelname": "WARNING", "msg": message, "args": args, **fields}
    )
    made.created, made.msecs = 1_800_000_000.25, 250
    return made


def failed(message: str, why: str = "by zero") -> logging.LogRecord:
    try:
        raise ZeroDivisionError(why)
    except ZeroDivisionError:
        return record(message, exc_info=sys.exc_info())


def as_text(made: logging.LogRecord) -> str:
    return TextFormatter().format(made)


def as_json(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonFormatter().format(made)
    assert "\n" not in line
    return msgspec.json.decode(line, type=dict[str, Any])


def test_a_line_of_text_has_time_level_logger_message_and_fields() -> None:
    line = as_text(record("did %s", "it", key="svc", status=200))
    assert line == "2027-01-15T08:00:00.250Z WARNING registry_gateway.test: did it key=svc status=200"


def test_a_line_of_json_has_the_same() -> None:
    assert as_json(record("did %s", "it", key="svc", status=200)) == {
        "time": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "logger": "registry_gateway.test",
        "message": "did it",
        "key": "svc",
        "status": 200,
    }


TWO = Occurrences([("came", {"key": "a b", "reason": None}), ("left\n", {"key": "c"})])


def test_a_record_of_several_occurrences_is_a_line_each() -> None:
    made = logging.makeLogRecord({"name": "registry_gateway.test", "levelname": "INFO", "msg": TWO})
    assert [line.partition(" ")[2] for line in TextFormatter().format(made).split("\n")] == [
        'INFO    registry_gateway.test: came key="a b"',
        "INFO    registry_gateway.test: left\\n key=c",
    ]
    came, left = (msgspec.json.decode(line) for line in JsonFormatter().format(made).split("\n"))
    assert (came["message"], came["key"], "reason" in came) == ("came", "a b", False)
    assert (left["message"], left["key"], left["logger"]) == ("left\n", "c", "registry_gateway.test")


def test_a_formatter_of_somebody_elses_shows_them_all() -> None:
    assert logging.Formatter().format(logging.makeLogRecord({"msg": TWO})) == 'came key="a b"; left\\n key=c'


def test_a_field_without_a_value_is_left_out() -> None:
    assert as_text(record("x", reason=None)).endswith(": x")
    assert "reason" not in as_json(record("x", reason=None))


@pytest.mark.parametrize(
    "evil",
    [
        "a\nWARNING forged",
        "a\r\nb",
        "a\x1b[2Jb",
        "a\x0bb",
        "a\x85b",
        "a\x9b2Jb",
        "a\x7fb",
        "a\u202eb",
        "a\u2066b",
        "a\U000e0001b",
        "a\u2028b",
        "a\x00b",
        'a" status=500 "',
        "a b",
        "a=b",
    ],
)
def test_nobody_forges_a_line_or_moves_the_cursor(evil: str) -> None:
    line = as_text(record(f"refused: {evil}", path=evil))
    assert line.isprintable()
    assert JsonFormatter().format(record(f"refused: {evil}", path=evil)).isprintable()
    assert as_json(record(f"refused: {evil}", path=evil))["path"] == evil


@pytest.mark.parametrize("value", ['say "hi" = x', "ä b", "a\nb", "a\x85b\\", "\u2028", "\U000e0001 \x9b"])
def test_a_field_that_needs_quotes_can_be_read_back(value: str) -> None:
    line = as_text(record("x", reason=value))
    assert msgspec.json.decode(line.partition("reason=")[2]) == value


def test_a_traceback_comes_below_the_line_of_text_and_inside_that_of_json() -> None:
    first, *below = as_text(failed("boom")).splitlines()
    assert first.endswith(": boom")
    assert below[0] == "  Traceback (most recent call last):"
    assert below[-1] == "  ZeroDivisionError: by zero"
    assert as_json(failed("boom"))["traceback"].endswith("ZeroDivisionError: by zero")


def test_a_file_name_that_is_not_unicode_can_be_logged() -> None:
    made = record("can't read a\udcff", path="a\udcff")
    assert as_text(made).endswith(r"can't read a\udcff path=" + r'"a\udcff"')
    assert json.loads(JsonFormatter().format(made))["path"] == "a\udcff"


def test_nobody_forges_a_line_by_way_of_a_traceback() -> None:
    made = failed("boom", "\n2027-01-15T08:00:00.250Z INFO    registry_gateway.events: approved\x1b[2J\x9b\u2028")
    first, *below = as_text(made).split("\n")
    assert first.endswith(": boom")
    assert all(line.startswith("  ") and line.isprintable() for line in below)
    assert JsonFormatter().format(made).isprintable()
    assert as_json(made)["traceback"].endswith("approved\x1b[2J\x9b\u2028")


TOKEN = "rgw_0123456789abcdef_8aV-x_CqRrY0yqzq7X1b7a5m4uQmD3wq2l9sT6kWc0o"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("token", "secret"), [(TOKEN, "8aV-x_CqRrY0yqzq7X1b7a5m4uQmD3wq2l9sT6kWc0o"), (JWT, "eyJpc3MiOiJ4In0")]
)
def test_a_token_is_masked_wherever_it_comes(token: str, secret: str) -> None:
    for made in (
        record(f"refused: {token} not found"),
        record("refused: %s", token),
        record("refused", path=f"/instances/{token}/tools"),
        record("refused", error=ValueError(f'"{token}"')),
        failed("boom", f"no {token}\x9b"),
        logging.makeLogRecord({"msg": Occurrences([("registered", {"key": token}), ("left", {"key": f"a {token}"})])}),
    ):
        for formatter in (TextFormatter(), JsonFormatter()):
            line = formatter.format(made)
            assert secret not in line
            assert "********" in line


def test_any_object_can_be_a_field() -> None:
    assert as_json(record("x", error=ValueError("bad")))["error"] == "bad"
    assert as_text(record("x", error=ValueError("bad"))).endswith("error=bad")


@pytest.mark.parametrize(("style", "formatter"), [("text", TextFormatter), ("json", JsonFormatter)])
def test_the_configuration_is_one_that_logging_takes(style: Any, formatter: type[logging.Formatter]) -> None:
    root, ours = logging.getLogger(), logging.getLogger("registry_gateway")
    before = (root.level, list(root.handlers), ours.level, logging.getLogger("uvicorn").level)
    try:
        logging.config.dictConfig(configuration(style))
        assert ours.isEnabledFor(logging.INFO)
        assert not logging.getLogger("sqlalchemy").isEnabledFor(logging.INFO)
        [handler] = root.handlers
        assert type(handler.formatter) is formatter
    finally:
        root.setLevel(before[0])
        root.handlers = before[1]
        ours.setLevel(before[2])
        logging.getLogger("uvicorn").setLevel(before[3])
