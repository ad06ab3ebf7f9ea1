"""A reverse proxy that does to requests what badly configured ones do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Proxy:
    """What it does is set by its attributes: `lost` is cut out of paths, `moved_to` redirects, `date` is answered."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.lost = "\x00"
        self.moved_to: str | None = None
        self.date: str | None = None
        self.url = ""

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Serve on loopback while the block runs."""
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if proxy.moved_to is not None:
                    self.send_response_only(301)
                    self.send_header("Location", proxy.moved_to + self.path)
                    self.end_headers()
                    return
                answer = httpx.get(proxy.target + self.path.replace(proxy.lost, ""), trust_env=False)
                self.send_response_only(answer.status_code)
                self.send_header("Date", proxy.date or answer.headers["date"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
