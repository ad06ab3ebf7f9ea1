"""PostgreSQL URLs as libpq reads them: the URL, its parameters, and PG* environment variables as defaults.

Source: PostgreSQL's documentation, "Connection Strings" and "Parameter Key Words" of libpq. Parameters have libpq's
meaning; those that the driver does not support are refused rather than ignored. docs/operations.md has the table.
"""

import getpass
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

import msgspec

PORT = 5432
"""The default port."""

MASK = "***"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A database on one of several servers, and the parameters of connections to it.

    `hosts` are names or addresses, or directories of Unix sockets; if empty, the driver's defaults for a local server
    apply. `writes`: whether servers that take no writes are skipped, which holds for several hosts or if the URL
    requires it. `tls` has libpq's TLS parameters by name. `connect_timeout` is in seconds per host.
    """

    hosts: tuple[tuple[str, int], ...]
    port: int
    user: str
    password: str | None
    database: str
    passfile: str | None
    krbsrvname: str | None
    writes: bool
    tls: Mapping[str, str]
    connect_timeout: float | None
    startup: Mapping[str, str]
    keepalives: Mapping[str, int]

    @property
    def here(self) -> bool:
        """Whether all servers are on this machine: each host is a directory of sockets or a loopback address."""
        return all(host.startswith(("/", "@")) or host == "localhost" or _is_loopback(host) for host, _ in self.hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Check = Callable[[str], str | None]
"""Returns the requirement that a value violates; None if it is valid."""


def _anything(_value: str) -> str | None:
    return None


def _number(value: str) -> str | None:
    return None if re.fullmatch(r"-?[0-9]{1,9}", value) else "must be a number"


def _one_of(*values: str) -> Check:
    return lambda value: None if value in values else f"must be one of {', '.join(values)}"


def _only(*values: str, why: str) -> Check:
    return lambda value: None if value.lower() in values else why


def _never(why: str) -> Check:
    return lambda _value: why


_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_WRITES = "the gateway works on a server that takes writes (read-write)"
_BINDING = (
    "the driver has no channel binding; remove it, and use sslmode=verify-full, which refuses "
    "servers that are not yours"
)

TLS = {
    "sslmode": "PGSSLMODE",
    "sslnegotiation": "PGSSLNEGOTIATION",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslpassword": None,
    "sslrootcert": "PGSSLROOTCERT",
    "sslcrl": "PGSSLCRL",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
}
KEEPALIVES = ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")

VARIABLES: Mapping[str, str | None] = {
    "host": "PGHOST",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "application_name": "PGAPPNAME",
    "fallback_application_name": None,
    "options": "PGOPTIONS",
    "krbsrvname": "PGKRBSRVNAME",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "channel_binding": "PGCHANNELBINDING",
    "require_auth": "PGREQUIREAUTH",
    "client_encoding": "PGCLIENTENCODING",
    "gssencmode": "PGGSSENCMODE",
    "sslcompression": None,
    "sslsni": None,
    "load_balance_hosts": None,
    **TLS,
    **dict.fromkeys(KEEPALIVES),
}
"""The parameters there are, each with the variable of the environment that stands in for it."""

_CHECKS: Mapping[str, Check] = {
    "port": lambda value: None if re.fullmatch(r"[0-9]{1,5}(,[0-9]{1,5})*", value) else "must be a number",
    "connect_timeout": _number,
    **dict.fromkeys(KEEPALIVES, _number),
    "sslmode": _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": _one_of("postgres", "direct"),
    "ssl_min_protocol_version": _one_of(*_VERSIONS),
    "ssl_max_protocol_version": _one_of(*_VERSIONS),
    "target_session_attrs": _only("any", "read-write", "primary", why=_WRITES),
    "channel_binding": _only("prefer", "disable", why=_BINDING),
    "require_auth": _never("the driver cannot insist on a method of authentication"),
    "client_encoding": _only("utf8", "utf-8", "auto", why="must be UTF8"),
    "gssencmode": _only("prefer", "disable", why="the driver has no GSSAPI encryption; use TLS"),
    "sslcompression": _only("0", why="TLS compression is insecure"),
    "sslsni": _only("1", why="the driver always sends the server's name"),
    "load_balance_hosts": _only("disable", why="there is one server that takes writes"),
}

_URL = re.compile(
    r"(?:postgres|postgresql)(?:\+\w+)?://"
    r"(?:(?P<user>[^:/?@]*)(?::(?P<password>[^@?]*))?@)?"
    r"(?P<hosts>[^/?]*)(?:/(?P<dbname>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)


def parse(url: str, environ: Mapping[str, str] | None = None) -> Address:
    """Return the address in a URL. Defaults come from `environ` (None: the environment of this process).

    Raises:
        ValueError: The URL is invalid; the message is one line for the operator and never contains a password.
    """
    given = _parameters(url)
    environ = os.environ if environ is None else environ
    for name, variable in VARIABLES.items():
        value = environ.get(variable or "")
        if value and name not in given:
            _check(name, value, f"{variable} in the environment")
            given[name] = value.replace("%", "%25") if name == "host" else value
    if given.get("sslrootcert") == "system" and given.setdefault("sslmode", "verify-full") != "verify-full":
        raise ValueError("sslrootcert=system needs sslmode=verify-full")
    if given.get("sslnegotiation") == "direct" and given.get("sslmode", "prefer") in ("disable", "allow", "prefer"):
        raise ValueError("sslnegotiation=direct needs sslmode=require, verify-ca or verify-full")
    hosts, port = _servers(given.get("host", ""), given.get("port", ""))
    user = given.get("user") or _own_name()
    timeout = int(given.get("connect_timeout", "0"))
    application = given.get("application_name") or given.get("fallback_application_name") or "registry-gateway"
    return Address(
        hosts=hosts,
        port=port,
        user=user,
        password=given.get("password"),
        database=given.get("dbname") or user,
        passfile=given.get("passfile"),
        krbsrvname=given.get("krbsrvname"),
        writes=len(hosts) > 1 or given.get("target_session_attrs", "any") != "any",
        tls={name: given[name] for name in TLS if name in given},
        connect_timeout=timeout if timeout > 0 else None,
        startup={"application_name": application} | {n: given[n] for n in ("options",) if n in given},
        keepalives={name: int(given[name]) for name in KEEPALIVES if name in given},
    )


def masked(url: str) -> str:
    """Return a URL with its secrets masked."""
    head, question, query = url.partition("?")
    head = re.sub(r"(?s)^([^:]+://[^:/@]*:).*(?=@)", rf"\g<1>{MASK}", head)
    pairs = []
    for pair in query.split("&"):
        name, equals, _ = pair.partition("=")
        pairs.append(f"{name}{equals}{MASK}" if "password" in unquote(name) else pair)
    return head + question + "&".join(pairs)


def _parameters(url: str) -> dict[str, str]:
    """Return the parts of a URL by the names of libpq's parameters."""
    parts = _URL.fullmatch(url)
    if parts is None:
        raise ValueError("not a database URL (expected sqlite:///FILE or postgresql://USER@HOST/NAME)")
    if "@" in parts["hosts"]:  # part of a password, which would not be masked
        raise ValueError("an @ in the password must be written as %40")
    given = {name: unquote(parts[name]) for name in ("user", "password", "dbname") if parts[name]}
    if parts["hosts"]:
        given["host"] = parts["hosts"]  # decoded when it is split: a socket directory contains %2F
    for pair in (parts["query"] or "").split("&") if parts["query"] else ():
        name, equals, value = pair.partition("=")
        name, value = _alias(unquote(name), unquote(value))
        if name not in VARIABLES:
            raise ValueError(f"{name[:40]!r} is not a supported parameter of a PostgreSQL URL")
        if not equals:
            raise ValueError(f"{name} has no value")
        if name == "host":
            value = value.replace("%", "%25")
            value = f"{given['host']},{value}" if "host" in given and not parts["hosts"] else value
        if value or name != "password":
            _check(name, value, name)
        given[name] = value
    return given


def _alias(name: str, value: str) -> tuple[str, str]:
    """Return a parameter under libpq's name: `ssl` is JDBC's and the driver's name, `database` the driver's."""
    if name == "ssl":
        return "sslmode", "require" if value == "true" else value
    return ("dbname" if name == "database" else name), value


def _check(name: str, value: str, called: str) -> None:
    problem = _CHECKS.get(name, _anything)(value)
    if problem is not None:
        raise ValueError(f"{called}: {problem}")
    if "\0" in value:
        raise ValueError(f"{called}: has a NUL in it")


def _servers(hosts: str, ports: str) -> tuple[tuple[tuple[str, int], ...], int]:
    """Return each host with its port, and the port of the local server if no host is named."""
    names = [_split(part) for part in hosts.split(",")] if hosts else []
    common = [_port(p) for p in ports.split(",")] if ports else [PORT]
    if len(common) == 1:
        common *= max(len(names), 1)
    if len(names) == 1 and not names[0][0]:  # a port and no host: `postgresql://:5433/NAME`
        return (), names[0][1] or common[0]
    if names and len(common) != len(names):
        raise ValueError(f"there are {len(names)} hosts and {len(common)} ports; give one port, or as many as hosts")
    servers = [(name, common[i] if own is None else own) for i, (name, own) in enumerate(names)]
    if any(not name for name, _ in servers):
        raise ValueError("a host is empty; separate hosts by single commas")
    return tuple(servers), common[0]


def _split(part: str) -> tuple[str, int | None]:
    """Return the host and the port of one server: `db:5432`, `[::1]:5432`, `::1`, or a directory."""
    if part.startswith("["):
        name, bracket, port = part[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError("an IPv6 address is written as [ADDRESS]:PORT")
        return unquote(name), _port(unquote(port[1:])) if port[1:] else None
    whole = unquote(part)
    if whole.startswith(("/", "@")) or part.count(":") != 1:
        return whole, None
    name, _, port = part.partition(":")
    return unquote(name), _port(unquote(port)) if port else None


def _port(text: str) -> int:
    if not text:
        return PORT
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError("the port must be a number from 1 to 65535 (in a password write : / ? @ as %3A %2F %3F %40)")
    return int(text)


def _own_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user in a container often has no name
        raise ValueError(
            "it names no user, and this process's user has no name: write postgresql://USER@HOST/NAME"
        ) from None
