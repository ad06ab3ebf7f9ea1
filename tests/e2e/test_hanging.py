"""What hangs does not take the rest with it: a lock of SQLite, a frozen PostgreSQL, a standby that does not confirm.

Writes and what can't be read are refused within ten seconds, what can be read is read at once, and SIGTERM ends the
gateway within ten seconds, whatever hangs.
"""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from registry_gateway.http.fastapi_errors import UNAVAILABLE, UNKNOWN
from tests.e2e.asking import Answered, Asking, ask, chap, get, runspec
from tests.e2e.gateway import Gateway
from tests.e2e.polling import wait_until
from tests.e2e.postgresql_server import Server, own_server, primary_and_standby

pytestmark = pytest.mark.slow

PROMPT = 2.0
"""Seconds of a read that waits for nobody, on a machine that is busy with other tests."""

LIMIT = 10.0
"""Seconds within which everything is answered, and a gateway ends."""

READS = [get("/v2/services"), get("/v2/services/known"), get("/instances"), get("/catalog/v1/services")]
WRITES = [chap("one"), runspec("two"), ("PUT", "/v2/services/known/$ping", None)]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Server, Server]]:
    with primary_and_standby() as pair:
        yield pair


@contextmanager
def serving(directory: Path, url: str, *options: str) -> Iterator[Gateway]:
    """A gateway in which `known` is registered; it need not be able to end in order."""
    gateway = Gateway(directory, {"REGISTRY_GATEWAY_DATABASE_URL": url}, options=("--migrate", *options))
    try:
        gateway.start()
        assert ask(gateway.port, chap("known")).status == 200
        yield gateway
    finally:
        gateway.close()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """SQLite's write lock is held by another process, as far as the gateway can tell."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """The server's processes are stopped; they go on afterwards."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def frozen_when_started(server: Server, gateway: Gateway, options: tuple[str, ...]) -> Iterator[None]:
    """The server's processes are stopped as soon as all workers have started."""
    processes = int(options[-1]) if options else 1
    started = "Application startup complete"
    wait_until(lambda: gateway.log().count(started) == processes, f"{started}, {processes} times", evidence=gateway.log)
    with frozen(server):
        yield


def unready(gateway: Gateway) -> Callable[[], Any]:
    """Why the gateway is not ready; None while it is."""

    def look() -> Any:
        answer = ask(gateway.port, get("/health/ready"))
        assert answer.seconds < PROMPT + 2, answer
        return None if answer.status == 200 else answer.content["reason"]

    return look


def check_refused(answers: list[Answered], *details: str) -> None:
    """Each is a 503 in its dialect's shape that came in time, and says one of `details`."""
    for answer in answers:
        assert answer.status == 503, answer
        assert answer.seconds < LIMIT, answer
        assert answer.content["detail"] in details, answer


def check_end(gateway: Gateway) -> None:
    """SIGTERM ends it in time, in order, with registrations in flight that are answered."""
    asking = Asking(gateway.port, [chap(f"late-{n}") for n in range(5)])
    time.sleep(0.5)
    began = time.monotonic()
    assert gateway.process.terminate() == 0
    assert time.monotonic() - began < LIMIT, gateway.log()
    check_refused(asking.answers(), UNAVAILABLE, UNKNOWN)
    gateway.check_traces()


def test_while_another_process_holds_sqlites_lock_what_can_be_read_is_read(tmp_path: Path) -> None:
    file = tmp_path / "registry.db"
    with serving(tmp_path, f"sqlite:///{file}") as gateway:
        with locked(file):
            began = time.monotonic()
            check_refused(Asking(gateway.port, WRITES).answers(), UNAVAILABLE)
            reason = wait_until(unready(gateway), "it is not ready", evidence=gateway.log)
            assert reason.startswith("nothing could be written to the database for ")
            assert reason.endswith("another process holds the lock of the file")
            assert time.monotonic() - began < LIMIT + PROMPT
            assert ask(gateway.port, get("/health/ready?for=reads")).status == 200
            for answer in Asking(gateway.port, READS).answers():
                assert answer.status == 200, answer
                assert answer.seconds < PROMPT, answer
            check_end(gateway)
        gateway.start()
        listed = ask(gateway.port, get("/v2/services")).content["services"]
        assert [service["id"] for service in listed] == ["known"]


def test_while_a_standby_confirms_nothing_what_can_be_read_is_read(
    servers: tuple[Server, Server], tmp_path: Path
) -> None:
    primary, standby = servers
    with serving(tmp_path, primary.url()) as gateway:
        with frozen(standby):
            check_refused(Asking(gateway.port, WRITES).answers(), UNAVAILABLE, UNKNOWN)
            reason = wait_until(unready(gateway), "it is not ready", evidence=gateway.log)
            assert reason.startswith("nothing could be written to the database for ")
            assert ask(gateway.port, get("/health/ready?for=reads")).status == 200
            for answer in Asking(gateway.port, READS).answers():
                assert answer.status == 200, answer
                assert answer.seconds < PROMPT, answer
            waiting = primary.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            assert int(waiting) <= 1, "each batch leaves a connection behind"
        wait_until(lambda: unready(gateway)() is None, "it is ready again", evidence=gateway.log)
        assert ask(gateway.port, chap("after")).status == 200
        with frozen(standby):
            check_end(gateway)


@pytest.mark.parametrize("options", [(), ("--workers", "2")], ids=["alone", "workers"])
def test_while_postgresql_is_frozen_everything_is_refused_in_time(
    servers: tuple[Server, Server], tmp_path: Path, options: tuple[str, ...]
) -> None:
    primary, _ = servers
    with serving(tmp_path, primary.url(), *options) as gateway, frozen_when_started(primary, gateway, options):
        asking = Asking(gateway.port, [*WRITES, *READS, get("/catalog/v1/stats")])
        ready = ask(gateway.port, get("/health/ready"))
        assert (ready.status, ready.content["reason"]) == (
            503,
            "the database can't be read: it does not answer in time",
        )
        assert ready.seconds < 2 * PROMPT
        assert ask(gateway.port, get("/health/ready?for=reads")).status == 503
        assert ask(gateway.port, get("/health")).status == 200
        check_refused(asking.answers()[: len(WRITES)], UNAVAILABLE, UNKNOWN)
        for answer in asking.answers():
            assert (answer.status, answer.seconds < LIMIT) == (503, True), answer
        check_end(gateway)


def test_a_server_that_became_read_only_is_not_ready_for_writes(tmp_path: Path) -> None:
    with own_server() as server, serving(tmp_path, server.url()) as gateway:
        server.sql("ALTER SYSTEM SET default_transaction_read_only = on")
        server.sql("SELECT pg_reload_conf()")
        reason = wait_until(unready(gateway), "it is not ready", evidence=gateway.log)
        assert reason.endswith(": the server is read-only (a standby?)")
        assert ask(gateway.port, get("/health/ready?for=reads")).status == 200
        server.sql("ALTER SYSTEM RESET default_transaction_read_only")
        server.sql("SELECT pg_reload_conf()")
        wait_until(lambda: unready(gateway)() is None, "it is ready again", evidence=gateway.log)


def test_a_role_that_may_not_delete_is_not_ready(tmp_path: Path) -> None:
    with own_server() as server, serving(tmp_path, server.url()) as owner:
        assert unready(owner)() is None
        server.sql("CREATE ROLE limited LOGIN")
        server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO limited")
        own = tmp_path / "limited"
        own.mkdir()
        gateway = Gateway(own, {"REGISTRY_GATEWAY_DATABASE_URL": server.url().replace("postgres@", "limited@")})
        try:
            gateway.start()
            server.sql("REVOKE DELETE ON registrations FROM limited")
            reason = wait_until(unready(gateway), "it is not ready", evidence=gateway.log)
            assert reason.startswith("the role limited lacks DELETE on registrations; as the owner of the tables run: ")
            assert ask(gateway.port, get("/health/ready?for=reads")).status == 200
            assert unready(owner)() is None
        finally:
            gateway.close()


@contextmanager
def small_disk(directory: Path) -> Iterator[Path]:
    """A file system of its own with little room; only root may have one."""
    directory.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", directory], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.mark.skipif(shutil.which("mount") is None or os.getuid() != 0, reason="only root may mount a file system")
def test_a_full_disk_is_not_ready_for_writes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, serving(tmp_path, f"sqlite:///{disk / 'registry.db'}") as gateway:
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        number = count()
        reason = wait_until(
            lambda: ask(gateway.port, chap(f"more-{next(number)}")).status == 503 and unready(gateway)(),
            "it is not ready",
            evidence=gateway.log,
        )
        assert reason.endswith(": the disk is full")
        assert ask(gateway.port, get("/health/ready?for=reads")).status == 200
        filler.unlink()
        wait_until(lambda: unready(gateway)() is None, "it is ready again", evidence=gateway.log)
        assert ask(gateway.port, chap("after")).status == 200
