"""Requests that are sent at once and timed, each on a connection of its own."""

import http.client
import json
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

Request = tuple[str, str, object]
"""Method, path and body (None: none)."""


class Answered(NamedTuple):
    """An answer, and the seconds it took."""

    status: int
    content: Any
    seconds: float


def chap(key: str) -> Request:
    """A registration with CHAP."""
    body = {"url": "http://host:1", "info": {"id": key, "display_name": key}}
    return "POST", "/v2/services/$register", body


def runspec(key: str) -> Request:
    """A registration with runspec."""
    return "POST", "/instances", {"instance_id": key, "name": key, "version": "1.0", "host": "host"}


def get(path: str) -> Request:
    """A read."""
    return "GET", path, None


def ask(port: int, request: Request, patience: float = 60) -> Answered:
    """Send a request and wait for its answer, which must be JSON."""
    method, path, body = request
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    began = time.monotonic()
    try:
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return Answered(answer.status, json.loads(answer.read()), time.monotonic() - began)
    finally:
        connection.close()


class Asking:
    """Requests that are on their way."""

    def __init__(self, port: int, requests: Sequence[Request]) -> None:
        self._pool = ThreadPoolExecutor(len(requests))
        self._futures: list[Future[Answered]] = [self._pool.submit(ask, port, request) for request in requests]

    def answers(self) -> list[Answered]:
        """All answers, in the order of the requests."""
        answers = [future.result() for future in self._futures]
        self._pool.shutdown()
        return answers
