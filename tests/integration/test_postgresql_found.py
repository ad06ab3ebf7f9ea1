"""PostgreSQL as it is found: of an old version, with too few privileges, of another name; and several hosts."""

import logging
import re
from collections.abc import Callable, Iterator
from itertools import count

import httpx
import pytest
from sqlalchemy.engine import make_url

from tests.conftest import GatewayFactory
from tests.integration.command_line import complaint, output
from tests.integration.postgresql_relay import relayed
from tests.postgresql import SERVERS, WORKER, Server

REGISTRATION = {"url": "http://host:8000", "info": {"id": "svc", "display_name": "Service"}}

_numbers = count()


@pytest.fixture
def role(postgresql: Callable[[str], str]) -> Iterator[str]:
    """A role that may log in and do nothing else."""
    name = f"plain_{WORKER}_{next(_numbers)}"
    postgresql(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
    yield name
    postgresql(f"DROP ROLE {name}")


@pytest.fixture
def limited(role: str, own_postgresql_url: str, postgresql: Callable[[str], str]) -> Iterator[str]:
    """URL of a database in which that role may do all but delete."""
    name = make_url(own_postgresql_url).database
    postgresql(f"\\c {name}\nGRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {role}")
    yield own_postgresql_url.replace("postgres@", f"{role}@")
    postgresql(f"\\c {name}\nDROP OWNED BY {role}")


# --- versions


@pytest.mark.parametrize("arguments", [["db", "check"], ["serve"], ["db", "upgrade"]])
def test_an_older_server_is_refused_in_one_line(postgresql_server: Server, arguments: list[str]) -> None:
    def older(said: bytes) -> bytes:
        return re.sub(rb"(server_version\0)\d\d", rb"\g<1>14", said)

    with relayed(postgresql_server, older) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        message = complaint(url, *arguments, REGISTRY_GATEWAY_PORT="0")
    assert message == f"127.0.0.1:{port} is PostgreSQL 14, and 15 or newer is needed: upgrade it"


def test_each_server_here_is_new_enough(postgresql_servers: Callable[[str], Server]) -> None:
    for name in SERVERS:
        server = postgresql_servers(name)
        assert "up to date" in output(server.url(server.template), "db", "check"), name


# --- several hosts


def test_a_host_that_is_away_is_passed_over(postgresql_server: Server, postgresql_url: str) -> None:
    name = make_url(postgresql_url).database
    with relayed(postgresql_server) as port:
        for address in (f"127.0.0.1:1,127.0.0.1:{port}/{name}", f"/{name}?host=127.0.0.1:1,127.0.0.1:{port}"):
            assert "up to date" in output(f"postgresql://postgres@{address}", "db", "check")


def test_a_host_that_takes_no_writes_is_passed_over(
    postgresql_server: Server, own_postgresql_url: str, postgresql: Callable[[str], str]
) -> None:
    name = make_url(own_postgresql_url).database
    with relayed(postgresql_server) as one, relayed(postgresql_server) as other:
        url = f"postgresql://postgres@127.0.0.1:{one},127.0.0.1:{other}/{name}"
        assert "up to date" in output(url, "db", "check")
        postgresql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        message = complaint(url, "db", "check")
        assert message.startswith("the database is unavailable: ")
        for port in (one, other):
            assert f"127.0.0.1:{port}: the server takes no writes" in message


def test_every_host_that_fails_is_named() -> None:
    message = complaint("postgresql://postgres@127.0.0.1:1,127.0.0.1:2/registry", "db", "check")
    assert message == "the database is unavailable: 127.0.0.1:1: Connection refused; 127.0.0.1:2: Connection refused"


def test_a_server_without_tls_is_not_talked_to_in_the_clear(postgresql_server: Server) -> None:
    with relayed(postgresql_server) as port:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        message = complaint(f"{url}?sslmode=require", "db", "check")
        assert message == f"127.0.0.1:{port} has no TLS, which the database URL requires (sslmode)"
        assert "none" in output(f"{url}?sslmode=prefer", "db", "current")


def test_settings_of_the_url_reach_the_session(postgresql_url: str) -> None:
    url = f"{postgresql_url}&application_name=mine&options=-c%20default_transaction_isolation%3Dnonsense"
    message = complaint(url, "db", "check")
    assert 'invalid value for parameter "default_transaction_isolation"' in message
    url = f"{postgresql_url}&options=-csearch_path%3Dnowhere"
    assert "database  none" in output(url, "db", "current")


# --- what trying again does not mend


@pytest.mark.parametrize("arguments", [["db", "check"], ["serve"]])
def test_a_missing_privilege_stops_the_start(limited: str, role: str, arguments: list[str]) -> None:
    assert complaint(limited, *arguments, REGISTRY_GATEWAY_PORT="0") == (
        f"the role {role} lacks DELETE on accounts, documents, events, gone, presence, registrations, subscriptions, "
        "tokens, webhooks; "
        f"as the owner of the tables run: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    )
    assert "No service is registered" in output(limited, "services", "list")


@pytest.mark.anyio
async def test_a_privilege_that_goes_missing_is_not_try_again_shortly(
    start_gateway: GatewayFactory,
    limited: str,
    role: str,
    postgresql: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, "registry_gateway.requests")
    async with start_gateway(limited) as client:
        assert (await client.post("/v2/services/$register", json=REGISTRATION)).status_code == 200
        assert (await client.put("/v2/services/svc/$ping")).status_code == 200
        _is_lasting(await client.delete("/v2/services/svc"))
        (line,) = [record.getMessage() for record in caplog.records]
        assert "the database refuses DELETE FROM gone: permission denied for table gone; " in line
        assert "GRANT SELECT, INSERT, UPDATE, DELETE" in line
        ready = await client.get("/health/ready")
        assert (ready.status_code, "retry-after" in ready.headers) == (503, False)
        assert f"the role {role} lacks DELETE on" in ready.json()["reason"]
        name = make_url(limited).database
        postgresql(f"\\c {name}\nGRANT DELETE ON ALL TABLES IN SCHEMA public TO {role}")
        assert (await client.delete("/v2/services/svc")).status_code == 204
        assert (await client.get("/health/ready")).status_code == 200


@pytest.mark.anyio
async def test_tables_that_are_gone_are_not_try_again_shortly(
    start_gateway: GatewayFactory, own_postgresql_url: str, postgresql: Callable[[str], str]
) -> None:
    postgresql(f"\\c {make_url(own_postgresql_url).database}\nDROP TABLE registrations CASCADE")
    async with start_gateway(own_postgresql_url) as client:
        _is_lasting(await client.post("/v2/services/$register", json=REGISTRATION))
        _is_lasting(await client.get("/tools"))
        _is_lasting(await client.get("/catalog/v1/services"))
        ready = await client.get("/health/ready")
        assert (ready.status_code, "retry-after" in ready.headers) == (503, False)
        assert "registry-gateway db check" in ready.json()["reason"]


def _is_lasting(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert "retry-after" not in answer.headers
    assert "trying again will not help" in answer.text
    assert "try again shortly" not in answer.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("postgres@", "nobody_here@"),
            'the database refuses the connection: role "nobody_here" does not exist; ',
        ),
        (("/registry_", "/no_registry_"), "the database refuses the connection: database "),
    ],
)
def test_a_login_that_is_refused_says_what_to_do(postgresql_url: str, change: tuple[str, str], message: str) -> None:
    for arguments in (["serve"], ["db", "check"]):
        assert complaint(postgresql_url.replace(*change), *arguments, REGISTRY_GATEWAY_PORT="0").startswith(message)


def test_a_role_that_may_not_migrate_says_what_to_do(
    role: str, own_postgresql_url: str, postgresql: Callable[[str], str]
) -> None:
    output(own_postgresql_url, "db", "downgrade", "base")
    postgresql(f"\\c {make_url(own_postgresql_url).database}\nDROP TABLE alembic_version")
    message = complaint(own_postgresql_url.replace("postgres@", f"{role}@"), "db", "upgrade")
    assert message.startswith("the database refuses CREATE TABLE alembic_version: permission denied for schema public;")
    assert "CREATE ON SCHEMA public" in message
