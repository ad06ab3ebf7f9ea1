"""A gateway that answers what a test tells it to, where a real one would have to be brought to it with effort."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Reply(NamedTuple):
    """An answer, and the seconds after which it is sent."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = {}
    delay: float = 0.0


class Scripted:
    """A server on loopback. It answers each request with the next of `replies`, and with the last of them from then on.

    `requests` has what came: the method and the path, and `headers` the headers of each.
    """

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    def next(self, request: str, headers: dict[str, str]) -> Reply:
        """Record a request and return its answer."""
        self.requests.append(request)
        self.headers.append(headers)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    @contextmanager
    def running(self) -> Iterator["Scripted"]:
        """Serve while the block runs."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = script.next(f"{self.command} {self.path}", headers)
                time.sleep(reply.delay)
                self.send_response_only(reply.status)
                for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - http.server's names

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()
