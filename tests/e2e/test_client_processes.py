"""The clients in programs with several processes, event loops and threads."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from registry_gateway.client import AsyncCatalogue, Catalogue, Service, Snapshot, async_catalogue
from tests.e2e.child import clean_environment
from tests.e2e.scripted import Reply, Scripted

PAGE = b'{"total":0,"next":null,"services":[]}'
READY = b'id: 7\nevent: ready\ndata: {"services":0}\n\n'


class Server:
    """A catalogue without services.

    `connections` has one number for each request: that of its connection. `most` is how many reads came at once.
    """

    def __init__(self) -> None:
        self.connections: list[int] = []
        self.reading = self.most = 0
        self.delay = 0.0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.connections.append(self.client_address[1])
                with server.lock:
                    server.reading += 1
                    server.most = max(server.most, server.reading)
                time.sleep(server.delay)
                with server.lock:
                    server.reading -= 1
                watch = "/events" in self.path
                self.send_response_only(200)
                self.send_header("Content-Type", "text/event-stream" if watch else "application/json")
                self.send_header("Connection", "close") if watch else self.send_header("Content-Length", f"{len(PAGE)}")
                self.end_headers()
                self.wfile.write(READY if watch else PAGE)
                if watch:
                    server.stopping.wait(60)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True  # of connections that are kept alive
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for a test."""
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, args=[0.01])
    thread.start()
    yield made
    made.stopping.set()
    made.http.shutdown()
    made.http.server_close()
    thread.join()


def run(program: str, url: str) -> str:
    """Run a program with the URL of a server, and return its output."""
    environment = clean_environment({"NO_PROXY": "127.0.0.1"})
    command = [sys.executable, "-c", program, url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


FORKED = """
import os, sys
from registry_gateway.client import Catalogue

with Catalogue(sys.argv[1]) as catalogue:
    list(catalogue.services())
    if os.fork() == 0:
        list(catalogue.services())
        list(catalogue.services())
        sys.exit()
    os.wait()
    list(catalogue.services())
"""


def test_a_forked_process_has_connections_of_its_own(server: Server) -> None:
    run(FORKED, server.url)
    first, forked, again, last = server.connections
    assert first == last
    assert forked == again != first


TWO_LOOPS = """
import asyncio, sys
from registry_gateway.client import AsyncCatalogue

catalogue = AsyncCatalogue(sys.argv[1])

async def read():
    return [service async for service in catalogue.services()]

async def read_and_close():
    async with catalogue:
        return await read()

print(asyncio.run(read()), asyncio.run(read()), asyncio.run(read_and_close()))
"""


def test_an_event_loop_that_was_closed_leaves_the_catalogue_usable(server: Server) -> None:
    assert run(TWO_LOOPS, server.url) == "[] [] []\n"


def test_reads_of_asyncio_wait_for_their_turn(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_catalogue, "MOST_READS", 3)
    server.delay = 0.02

    async def read(catalogue: AsyncCatalogue) -> list[Service]:
        return [service async for service in catalogue.services()]

    async def work() -> None:
        async with AsyncCatalogue(server.url) as catalogue:
            assert await asyncio.gather(*(read(catalogue) for _ in range(12))) == [[]] * 12

    asyncio.run(work())
    assert (len(server.connections), server.most) == (12, 3)


def test_many_watches_leave_connections_for_reads(server: Server) -> None:
    with Catalogue(server.url) as catalogue:
        watches = [catalogue.watch() for _ in range(101)]
        assert all(next(news) == Snapshot(services=[], missed=False) for news in watches)
        assert list(catalogue.services()) == []
        for news in watches:
            news.close()


FORKED_INSIDE = """
import os, sys, time
from registry_gateway.client import Registration

with Registration(sys.argv[1], "chap", id="web", name="Web", url="http://web") as registration:
    while not registration.registered:
        time.sleep(0.01)
    if os.fork() == 0:
        sys.exit()
    os.wait()
    registration.advertise([])
    time.sleep(0.2)
    print(registration.registered)
"""


def test_a_forked_process_deregisters_nothing() -> None:
    with Scripted(Reply(200, b'{"ttl_seconds":30}')).running() as script:
        assert run(FORKED_INSIDE, script.url) == "True\n"
        assert script.requests == [
            "POST /v2/services/$register",
            "PUT /v2/services/web/$ping",
            "DELETE /v2/services/web",
        ]


FULL = """
import os, resource, sys
from registry_gateway.client import Registration

registration = Registration(sys.argv[1], "chap", id="web", name="Web", url="http://web")
sys.stderr = None  # an event loop that is made in part complains of that
used = len(os.listdir("/proc/self/fd"))
resource.setrlimit(resource.RLIMIT_NOFILE, (used, used))
try:
    with registration:
        print("registered")
except OSError as error:
    print(error.strerror)
"""


def test_a_registration_that_can_not_begin_says_so() -> None:
    assert run(FULL, "http://127.0.0.1:9") == "Too many open files\n"
