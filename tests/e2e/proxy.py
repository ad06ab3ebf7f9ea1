"""A reverse proxy that does to requests what badly configured ones do."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler

import httpx

from tests import loopback


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
                answer = httpx.get(proxy.target + self.path.replace(proxy.lost, ""), verify=False, trust_env=False)
                self.send_response_only(answer.status_code)
                self.send_header("Date", proxy.date or answer.headers["date"])
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        with loopback.serve(Handler) as port:
            self.url = f"http://127.0.0.1:{port}"
            yield self


@contextmanager
def answering_http_with_400(tls_port: int) -> Iterator[int]:
    """Pass TLS on to a port and answer plain HTTP with a 400, as nginx does; yield the port this listens on."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if self.request.recv(1, socket.MSG_PEEK) != b"\x16":
                self.request.recv(65_536)
                self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", tls_port)) as behind:
                back = threading.Thread(target=_pass_on, args=(behind, self.request))
                back.start()
                _pass_on(self.request, behind)
                back.join()

    with loopback.serve(Handler) as port:
        yield port


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
