"""Addresses of PostgreSQL: libpq's parameters with libpq's meaning, and one line for what is not understood."""

import pytest

from registry_gateway.store.database_url import async_url
from registry_gateway.store.postgresql import libpq

NOTHING: dict[str, str] = {}


def parse(url: str, **environ: str) -> libpq.Address:
    """The address in a URL, with nothing of this process's environment."""
    return libpq.parse(url, environ)


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://u@db/registry", [("db", 5432)]),
        ("postgres://u:p@db:6432/registry", [("db", 6432)]),
        ("postgresql+asyncpg://u@db:6432/registry", [("db", 6432)]),
        ("postgresql://u@a:5433,b:5434/registry", [("a", 5433), ("b", 5434)]),
        ("postgresql://u@a,b/registry?port=5433,5434", [("a", 5433), ("b", 5434)]),
        ("postgresql://u@a,b/registry?port=5433", [("a", 5433), ("b", 5433)]),
        ("postgresql://u@/registry?host=a:1,b:2", [("a", 1), ("b", 2)]),
        ("postgresql://u@/registry?host=a:1&host=b:2", [("a", 1), ("b", 2)]),
        ("postgresql://u@/registry?host=a,b&port=1,2", [("a", 1), ("b", 2)]),
        ("postgresql://u@[::1]:5433,[fe80::1]/registry", [("::1", 5433), ("fe80::1", 5432)]),
        ("postgresql://u@/registry?host=::1", [("::1", 5432)]),
        ("postgresql://u@/registry?host=/run/postgresql", [("/run/postgresql", 5432)]),
        ("postgresql://u@%2Frun%2Fpg%3A1/registry", [("/run/pg:1", 5432)]),
        ("postgresql://u@/registry?host=/run/a%25b", [("/run/a%b", 5432)]),
        ("postgresql://u@/registry", []),
    ],
)
def test_hosts_in_every_form(url: str, hosts: list[tuple[str, int]]) -> None:
    address = parse(url)
    assert list(address.hosts) == hosts
    assert (address.user, address.database) == ("u", "registry")
    assert address.writes == (len(hosts) > 1)


@pytest.mark.parametrize(
    ("hosts", "here"),
    [
        ("", True),
        ("%2Frun%2Fpostgresql", True),
        ("localhost,127.0.0.1:5433,[::1]", True),
        ("db.example.org", False),
        ("localhost,192.0.2.1", False),
    ],
)
def test_a_server_on_this_machine_is_known_by_its_host(hosts: str, here: bool) -> None:
    assert parse(f"postgresql://u@{hosts}/r").here is here


def test_a_port_without_a_host() -> None:
    assert (parse("postgresql://u@:5433/r").hosts, parse("postgresql://u@:5433/r").port) == ((), 5433)
    assert parse("postgresql://u@/r?port=5434").port == 5434


def test_what_is_encoded_is_decoded_and_a_plus_stays_a_plus() -> None:
    address = parse("postgresql://us%40er:p%40s+s%3A@db/re%2Fgistry")
    assert (address.user, address.password, address.database) == ("us@er", "p@s+s:", "re/gistry")
    assert parse("postgresql://u@db/r?password=a+b%26").password == "a+b&"
    assert parse("postgresql://host:5432/db?user=me@here").user == "me@here"


def test_parameters_have_the_meaning_libpq_gives_them() -> None:
    url = (
        "postgresql://u@db/r?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/k.pem&sslpassword=x"
        "&connect_timeout=7&application_name=mine&options=-c%20work_mem%3D5MB&keepalives=1&keepalives_idle=30"
        "&tcp_user_timeout=9000&target_session_attrs=read-write&channel_binding=prefer&client_encoding=utf8"
        "&gssencmode=disable&krbsrvname=pg&passfile=/p"
    )
    address = parse(url)
    assert address.tls == {
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
        "sslcert": "/c.pem",
        "sslkey": "/k.pem",
        "sslpassword": "x",
    }
    assert address.connect_timeout == 7
    assert address.startup == {"application_name": "mine", "options": "-c work_mem=5MB"}
    assert address.keepalives == {"keepalives": 1, "keepalives_idle": 30, "tcp_user_timeout": 9000}
    assert address.writes
    assert (address.krbsrvname, address.passfile) == ("pg", "/p")


@pytest.mark.parametrize(
    ("query", "sslmode"), [("ssl=true", "require"), ("ssl=verify-ca", "verify-ca"), ("sslmode=disable", "disable")]
)
def test_tls_in_other_programs_words(query: str, sslmode: str) -> None:
    assert parse(f"postgresql://u@db/r?{query}").tls["sslmode"] == sslmode


def test_the_authorities_of_the_system_mean_that_names_are_verified() -> None:
    assert parse("postgresql://u@db/r?sslrootcert=system").tls["sslmode"] == "verify-full"


def test_no_timeout_and_no_name_are_the_gateways_own() -> None:
    address = parse("postgresql://u@db/r?connect_timeout=0&fallback_application_name=other")
    assert address.connect_timeout is None
    assert address.startup == {"application_name": "other"}
    assert parse("postgresql://u@db/r").startup == {"application_name": "registry-gateway"}


def test_what_the_url_leaves_open_comes_from_the_environment() -> None:
    environ = {
        "PGHOST": "a,b",
        "PGPORT": "5433",
        "PGUSER": "me",
        "PGPASSWORD": "secret",
        "PGDATABASE": "registry",
        "PGSSLMODE": "require",
        "PGCONNECT_TIMEOUT": "3",
        "PGAPPNAME": "x",
    }
    address = parse("postgresql://", **environ)
    assert address.hosts == (("a", 5433), ("b", 5433))
    assert (address.user, address.password, address.database) == ("me", "secret", "registry")
    assert (address.tls, address.connect_timeout) == ({"sslmode": "require"}, 3)
    assert parse("postgresql://u:p@db:1/r?sslmode=disable", **environ).tls == {"sslmode": "disable"}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("port=abc", "port: must be a number"),
        ("port=99999", "the port must be a number from 1 to 65535"),
        ("host=a,b&port=1,2,3", "there are 2 hosts and 3 ports"),
        ("host=a,,b", "a host is empty"),
        ("statement_cache_size=x", "'statement_cache_size' is not a supported parameter"),
        ("pgbouncer=true", "'pgbouncer' is not a supported parameter"),
        ("service=x", "'service' is not a supported parameter"),
        ("hostaddr=127.0.0.1", "'hostaddr' is not a supported parameter"),
        ("sslmode", "sslmode has no value"),
        ("sslmode=on", "sslmode: must be one of disable, allow,"),
        ("ssl=1", "sslmode: must be one of"),
        ("sslrootcert=system&sslmode=require", "sslrootcert=system needs sslmode=verify-full"),
        ("sslnegotiation=direct", "sslnegotiation=direct needs sslmode=require"),
        ("ssl_min_protocol_version=SSLv3", "ssl_min_protocol_version: must be one of TLSv1,"),
        ("connect_timeout=soon", "connect_timeout: must be a number"),
        ("keepalives_idle=x", "keepalives_idle: must be a number"),
        ("channel_binding=require", "channel_binding: the driver has no channel binding"),
        ("require_auth=scram-sha-256", "require_auth: the driver cannot"),
        ("target_session_attrs=standby", "target_session_attrs: the gateway works on a server that takes writes"),
        ("client_encoding=latin1", "client_encoding: must be UTF8"),
        ("gssencmode=require", "gssencmode: the driver has no GSSAPI encryption"),
        ("application_name=%00", "application_name: has a NUL in it"),
    ],
)
def test_what_cannot_be_kept_is_refused_in_one_line(query: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as refused:
        parse(f"postgresql://u:hunter2@/r?{query}")
    assert str(refused.value).startswith(message)


def test_a_variable_that_is_invalid_is_named() -> None:
    with pytest.raises(ValueError, match=r"^PGPORT in the environment: must be a number$"):
        parse("postgresql://u@db/r", PGPORT="abc")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hunter2@db/r", "postgresql://u:***@db/r"),
        ("postgresql://u:hun/ter2@a:1,b:2/r?sslmode=require", "postgresql://u:***@a:1,b:2/r?sslmode=require"),
        ("postgresql://u@a:5432,b/r?host=x", "postgresql://u@a:5432,b/r?host=x"),
        ("postgresql://u@/r?password=hunter2&host=a:1,b:2", "postgresql://u@/r?password=***&host=a:1,b:2"),
        ("postgresql://u@db/r?sslpassword=hunter2", "postgresql://u@db/r?sslpassword=***"),
        ("postgresql://u@db/r?pass%77ord=hunter2", "postgresql://u@db/r?pass%77ord=***"),
        ("sqlite:////var/lib/a:b@c.db", "sqlite:////var/lib/a:b@c.db"),
        ("sqlite:///registry.db", "sqlite:///registry.db"),
    ],
)
def test_passwords_are_hidden_in_every_form(url: str, shown: str) -> None:
    async_url(url)  # each is one that is taken
    assert libpq.masked(url) == shown
