"""TLS to PostgreSQL, with a server, an authority and certificates of the tests' own."""

import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest
import trustme
from sqlalchemy import Connection, text

from registry_gateway.store.engine import Store
from tests.e2e.gateway import unused_port
from tests.integration.command_line import complaint
from tests.postgresql import SERVERS, WITH_TLS, WORKER, Server, private, user

pytestmark = [
    pytest.mark.skipif(
        not WITH_TLS,
        reason="no PostgreSQL with TLS here: the packaged ones are built without (apt-get install postgresql)",
    ),
    # What asyncio leaves of a connection if its event loop ends while a failed handshake is still being undone.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """Collect what a test leaves while its warnings are ignored, instead of in some later test."""
    yield
    gc.collect()


class Secured(NamedTuple):
    """A server that takes TLS, and files: whom clients may trust, whom they may not, and a certificate of a role."""

    port: int
    authority: Path
    stranger: Path
    certificate: Path
    key: Path

    def url(self, *parameters: str, host: str = "localhost", role: str = "postgres") -> str:
        """The URL of its database."""
        return f"postgresql://{role}@{host}:{self.port}/postgres?{'&'.join(parameters)}"


@pytest.fixture(scope="module")
def secured() -> Iterator[Secured]:
    """A server with a certificate for `localhost`, and a role that logs in by certificate."""
    directory = private(f"certificates-{WORKER}")  # which PostgreSQL's user can get to
    directory.mkdir()
    ours, theirs = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(directory / "ours.pem")
    theirs.cert_pem.write_to_path(directory / "theirs.pem")
    for name, leaf in {
        "server": ours.issue_cert("localhost"),
        "client": ours.issue_cert(common_name="certified"),
    }.items():
        leaf.private_key_pem.write_to_path(directory / f"{name}.key")
        leaf.cert_chain_pems[0].write_to_path(directory / f"{name}.pem")
        (directory / f"{name}.key").chmod(0o600)
    rules = "local all postgres trust\nhostssl all certified all cert\nhost all postgres all trust\n"
    (directory / "hba.conf").write_text(rules)
    settings = {
        "ssl": "on",
        "ssl_cert_file": f"{directory}/server.pem",
        "ssl_key_file": f"{directory}/server.key",
        "ssl_ca_file": f"{directory}/ours.pem",
        "hba_file": f"{directory}/hba.conf",
    }
    if (owner := user()) is not None:
        shutil.chown(directory / "server.key", owner)
    port = unused_port()
    server = Server(SERVERS[WITH_TLS[0]], private(f"tls-{WORKER}"), port=port, settings=settings)
    server.start()
    try:
        server.psql("CREATE ROLE certified LOGIN")
        yield Secured(
            port, directory / "ours.pem", directory / "theirs.pem", directory / "client.pem", directory / "client.key"
        )
    finally:
        server.stop()


def _encrypted(url: str) -> bool:
    """Whether the server says that a connection is encrypted."""

    def ask(connection: Connection) -> bool:
        return bool(connection.execute(text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar_one())

    async def work() -> bool:
        store = Store(url)
        try:
            return await store.read(ask)
        finally:
            await store.close()

    return anyio.run(work)


@pytest.mark.parametrize(
    ("mode", "encrypted"),
    [("disable", False), ("allow", False), ("prefer", True), ("require", True), (None, True)],
)
def test_modes_without_an_authority(secured: Secured, mode: str | None, encrypted: bool) -> None:
    assert _encrypted(secured.url(*([f"sslmode={mode}"] if mode else []))) is encrypted


def test_a_server_is_verified(secured: Secured) -> None:
    known = f"sslrootcert={secured.authority}"
    assert _encrypted(secured.url("sslmode=verify-full", known))
    assert _encrypted(secured.url("sslmode=verify-ca", known, host="127.0.0.1"))
    assert _encrypted(secured.url("sslmode=require", known, host="127.0.0.1"))


def test_a_wrong_name_is_refused_in_one_line(secured: Secured) -> None:
    url = secured.url("sslmode=verify-full", f"sslrootcert={secured.authority}", host="127.0.0.1")
    message = complaint(url, "db", "check")
    assert message.startswith(f"TLS with 127.0.0.1:{secured.port} fails: IP address mismatch")


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_wrong_authority_is_refused_in_one_line(secured: Secured, mode: str) -> None:
    message = complaint(secured.url(f"sslmode={mode}", f"sslrootcert={secured.stranger}"), "db", "check")
    assert message.startswith(f"TLS with localhost:{secured.port} fails: ")
    assert "certificate" in message


def test_the_authorities_of_the_system(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> None:
    message = complaint(secured.url("sslrootcert=system"), "db", "check")
    assert message.startswith(f"TLS with localhost:{secured.port} fails: ")
    monkeypatch.setenv("SSL_CERT_FILE", str(secured.authority))
    assert _encrypted(secured.url("sslrootcert=system"))


def test_a_role_logs_in_by_its_certificate(secured: Secured) -> None:
    files = (f"sslcert={secured.certificate}", f"sslkey={secured.key}")
    known = ("sslmode=verify-full", f"sslrootcert={secured.authority}")
    assert _encrypted(secured.url(*known, *files, role="certified"))
    message = complaint(secured.url(*known, role="certified"), "db", "check")
    assert message.startswith("the database refuses the connection: ")
    assert message.endswith("pg_hba.conf")


@pytest.mark.parametrize("name", ["sslrootcert", "sslcert", "sslkey", "sslcrl"])
def test_a_file_that_is_not_there_is_named(secured: Secured, name: str) -> None:
    message = complaint(secured.url("sslmode=require", f"{name}=/nowhere/x.pem"), "db", "check")
    assert message == f"{name}=/nowhere/x.pem of the database URL: No such file or directory"
