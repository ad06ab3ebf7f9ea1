"""What passes the run proxy, where no client can send it in a test."""

import httpx
import pytest

from gateway_chap import run_message


def test_bytes_that_no_target_may_contain_are_encoded() -> None:
    url = httpx.URL("http://model:8080/a b/")
    assert run_message.target(url, b"caf\xc3\xa9\r\nX: y", b"\x00\x7f q") == b"/a%20b/caf%C3%A9%0D%0AX:%20y?%00%7F%20q"


@pytest.mark.parametrize("path", [b"", b"/", b"a/..", b"a/b/../..", b"./a", b"...", b"..a", b"a/%2e%2e"])
def test_paths_that_stay(path: bytes) -> None:
    assert not run_message.climbs(path)


@pytest.mark.parametrize(
    "path", [b"..", b"./..", b"a/../..", b"/..", b"%2E.", b"a%2f..%2f..", b"..\\x", b"a/../../a", b"a//../.."]
)
def test_paths_that_leave(path: bytes) -> None:
    assert run_message.climbs(path)


def test_it_recognizes_itself_alone() -> None:
    assert run_message.is_own([(b"via", b"1.0 fred, 1.1 registry-gateway")])
    assert run_message.is_own([(b"via", b"1.0 fred"), (b"via", b"1.1 registry-gateway (x)")])
    assert not run_message.is_own([(b"via", b"1.1 registry-gateway.example"), (b"x", b"1.1 registry-gateway")])
