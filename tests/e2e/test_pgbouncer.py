"""pgbouncer between the gateway and PostgreSQL, as a real process: session pooling works, other modes are refused."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from sqlalchemy.engine import make_url

from tests.e2e.gateway import Gateway, running_nodes, unused_port
from tests.e2e.polling import wait_until
from tests.e2e.test_watch import remote
from tests.integration.command_line import complaint, output
from tests.integration.watcher import watching
from tests.postgresql import WORKER, Server, private, user

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)")


class Pooler:
    """A running pgbouncer before a server; the pool is chosen by the name of the database."""

    def __init__(self, port: int) -> None:
        self.port = port

    def url(self, pool: str, parameters: str = "") -> str:
        """URL of the test's database by a pool: `session`, `transaction`, `statement`, or `single` (of one)."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{pool}{parameters}"


@pytest.fixture
def pooler(postgresql_server: Server, own_postgresql_url: str) -> Iterator[Pooler]:
    """pgbouncer with the settings it comes with, but for the pools."""
    database = make_url(own_postgresql_url).database
    behind = f"host={postgresql_server.directory} dbname={database} user=postgres"
    directory = private(f"pgbouncer-{WORKER}")
    directory.mkdir(exist_ok=True)
    (directory / "log").unlink(missing_ok=True)
    port = unused_port()
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(f"""
        [databases]
        session = {behind} pool_mode=session
        transaction = {behind} pool_mode=transaction
        statement = {behind} pool_mode=statement
        single = {behind} pool_mode=session pool_size=1
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
    """)
    log = directory / "log"
    with log.open("w") as written:
        assert PGBOUNCER is not None
        process = subprocess.Popen(
            [PGBOUNCER, str(configuration)], stdout=written, stderr=written, user=user(), cwd="/"
        )
    try:
        wait_until(lambda: "process up" in log.read_text(), "pgbouncer is up", evidence=log.read_text)
        yield Pooler(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def test_every_command_works_by_a_pool_of_sessions(pooler: Pooler) -> None:
    assert "up to date" in output(pooler.url("session"), "db", "check")
    output(pooler.url("session"), "db", "downgrade", "--", "-1")
    assert "is at migration" in output(pooler.url("session"), "db", "upgrade")
    output(pooler.url("session"), "accounts", "create", "someone")


@pytest.fixture
def nodes(pooler: Pooler, tmp_path: Path) -> Iterator[list[Gateway]]:
    """Two gateways by a pool of sessions."""
    with running_nodes(tmp_path, 2, pooler.url("session", "?application_name=by_pool")) as gateways:
        yield gateways
        for gateway in gateways:
            gateway.finish()


@pytest.mark.anyio
@pytest.mark.slow
async def test_gateways_work_by_a_pool_of_sessions(nodes: list[Gateway]) -> None:
    here, there = nodes
    body = {"url": "http://host:8000", "info": {"id": "svc", "display_name": "Service"}}
    async with remote(here) as one, remote(there) as other, watching(other) as watcher:
        await watcher.snapshot()
        assert (await one.post("/v2/services/$register", json=body)).status_code == 200
        assert await watcher.changes(1) == [("registered", "svc", True)]
        for client in (one, other):
            assert (await client.put("/v2/services/svc/$ping")).status_code == 200
            assert [s["id"] for s in (await client.get("/v2/services")).json()["services"]] == ["svc"]
        async with anyio.create_task_group() as at_once:
            for _ in range(20):
                at_once.start_soon(one.put, "/v2/services/svc/$ping")
        assert (await other.delete("/v2/services/svc")).status_code == 204
        assert await watcher.changes(1) == [("deregistered", "svc", False)]


@pytest.mark.parametrize("pool", ["transaction", "statement"])
@pytest.mark.parametrize("arguments", [["serve"], ["db", "check"], ["db", "upgrade"]])
def test_pools_that_split_sessions_are_refused(pooler: Pooler, pool: str, arguments: list[str]) -> None:
    message = complaint(pooler.url(pool), *arguments, REGISTRY_GATEWAY_PORT="0")
    assert message.startswith(
        "the gateway needs session pooling, and the pooler hands the transactions of a session to"
    )
    assert "set pool_mode = session" in message


def test_a_pool_that_is_too_small_is_reported(pooler: Pooler) -> None:
    message = complaint(pooler.url("single", "?connect_timeout=2"), "db", "check")
    assert "the pooler has no second connection for this database" in message
    assert "default_pool_size" in message


def test_what_pgbouncer_does_not_pass_on_is_named(pooler: Pooler) -> None:
    message = complaint(pooler.url("session", "?options=-cwork_mem%3D5MB"), "db", "check")
    assert "unsupported startup parameter: options" in message
    assert "ignore_startup_parameters" in message
