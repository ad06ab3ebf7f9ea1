"""Making connections to PostgreSQL, and the requirements on a server."""

import asyncio
import os
import secrets
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from registry_gateway.core.deadlines import LONG_TRANSACTION_WITHIN
from registry_gateway.core.errors import StoreRefuses
from registry_gateway.store.postgresql.errors import MINIMUM, SESSION_POOLING
from registry_gateway.store.postgresql.libpq import Address

CONNECT_TIMEOUT = 5.0
"""Seconds for a connection to one host, unless the URL sets `connect_timeout`."""

CONNECTIONS = 15
"""Maximum number of connections of one gateway process: see docs/operations.md."""

PROBES = 3
"""Probes for session pooling. A pooler without it may pass a single probe by chance."""

_LIMIT = """
    SELECT set_config(wanted.name, wanted.value, false)
    FROM (VALUES ('lock_timeout', '10s'), ('idle_in_transaction_session_timeout', '30s')) AS wanted (name, value)
    JOIN pg_settings ON pg_settings.name = wanted.name WHERE pg_settings.source <> 'client'
"""
# These limits keep a gateway that was frozen or disconnected in a transaction from blocking the others. They are set
# after connecting, because pgbouncer refuses them in a startup packet. `options` in the URL takes precedence.


class Connector:
    """Makes connections to the servers of a URL; SQLAlchemy's `async_creator`."""

    def __init__(self, address: Address) -> None:
        """Open nothing yet."""
        self._address = address
        self._timeout = address.connect_timeout or CONNECT_TIMEOUT
        self._sessions_are_kept = False

    async def __call__(self) -> Any:
        """Return a connection of asyncpg to the first suitable host; see `Address.writes`.

        Raises:
            StoreRefuses: A file named in the URL, TLS, the server's version or a pooler prevents it.
            OSError: No host answers, or none takes writes.
            asyncpg.PostgresError: A server refuses the login; later hosts are not tried, as in libpq.
        """
        self._look_at_files()
        failures: dict[str, OSError | StoreRefuses] = {}
        for host, port in self._address.hosts or ((None, self._address.port),):
            server = f"{host or 'the local server'}:{port}"
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._connect(host, port)
            except TimeoutError:
                failures[server] = TimeoutError(f"no answer from {server} within {self._timeout:g} s")
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                failures[server] = ConnectionError(f"{server} closed the connection during TLS negotiation")
            except ssl.SSLError as error:
                failures[server] = StoreRefuses(f"TLS with {server} fails: {getattr(error, 'verify_message', error)}")
            except StoreRefuses as error:
                failures[server] = error
            except OSError as error:
                failures[server] = _named(error, server)
        if len(failures) == 1:
            raise next(iter(failures.values()))
        reasons = "; ".join(map(str, failures.values()))
        lasting = all(isinstance(error, StoreRefuses) for error in failures.values())
        raise StoreRefuses(reasons) if lasting else ConnectionError(reasons)

    def _look_at_files(self) -> None:
        """Raise an error that names an unreadable file; the TLS library does not."""
        for name in ("sslcert", "sslkey", "sslrootcert", "sslcrl"):
            path = self._address.tls.get(name)
            if path and path != "system":
                try:
                    Path(path).open("rb").close()
                except OSError as error:
                    raise StoreRefuses(f"{name}={path} of the database URL: {error.strerror}") from None

    async def _connect(self, host: str | None, port: int) -> Any:
        connection = await self._open(host, port)
        try:
            await self._prepare(connection, host, port)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _open(self, host: str | None, port: int) -> Any:
        import asyncpg  # an optional dependency

        address, tls = self._address, dict(self._address.tls)
        context = None
        if tls.get("sslrootcert") == "system":
            context = ssl.create_default_context()
            if "sslcert" in tls:
                context.load_cert_chain(tls["sslcert"], tls.get("sslkey"), lambda: tls.get("sslpassword", ""))
        try:
            connection = await asyncpg.connect(
                f"postgresql://?{urlencode(tls)}" if tls and context is None else None,
                host=host,
                port=port,
                user=address.user,
                password=address.password,
                database=address.database,
                passfile=address.passfile,
                krbsrvname=address.krbsrvname,
                ssl=context,
                server_settings=dict(address.startup),
                target_session_attrs="any",  # `_prepare` checks it
                timeout=self._timeout,
                command_timeout=LONG_TRANSACTION_WITHIN,
            )
        except (asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError) as error:
            raise ConnectionError(str(error)) from error  # the next host is tried
        except asyncpg.ClientConfigurationError as error:
            raise StoreRefuses(f"the database URL cannot be used: {str(error).splitlines()[0]}") from None
        self._keep_alive(connection)
        return connection

    def _keep_alive(self, connection: Any) -> None:
        """Enable TCP keepalives as libpq does, with the system's times unless the URL sets them."""
        own = connection._transport.get_extra_info("socket")
        if own.family not in (socket.AF_INET, socket.AF_INET6):
            return
        wanted = self._address.keepalives
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(wanted.get("keepalives", 1) != 0))
        for name, option in _TCP.items():
            if wanted.get(name, 0) > 0 and hasattr(socket, option):
                own.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), wanted[name])

    async def _prepare(self, connection: Any, host: str | None, port: int) -> None:
        """Set the session's limits in one round trip, and refuse an unsuitable server.

        The statements are sent without being prepared, because some poolers do not support that. They return no rows,
        but the status tells how many rows there are.
        """
        version = connection.get_server_version().major
        if version < MINIMUM:
            raise StoreRefuses(f"{host}:{port} is PostgreSQL {version}, and {MINIMUM} or newer is needed: upgrade it")
        status = await connection.execute(f"{_LIMIT}; SELECT WHERE pg_backend_pid() = {connection.get_server_pid()}")
        if not _found(status) and not self._sessions_are_kept:  # a pooler uses another server process
            await self._require_session(connection, host, port)
            self._sessions_are_kept = True
        if not self._address.writes or _reports_writes(connection):
            return
        writable = "SELECT WHERE NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'"
        if not _found(await connection.execute(writable)):
            raise ConnectionError("the server takes no writes: it is a standby, or read-only by default")

    async def _require_session(self, connection: Any, host: str | None, port: int) -> None:
        """Return if a pooler gives each session a connection of its own.

        Raises:
            StoreRefuses: The pooler assigns connections per transaction: another session sees this one's settings.
        """
        try:
            async with asyncio.timeout(self._timeout / 2):
                other = await self._open(host, port)
                try:
                    for _ in range(PROBES):
                        token = secrets.token_hex(8)
                        mine = f"SELECT WHERE current_setting('registry_gateway.session', true) = '{token}'"
                        await connection.execute(f"SELECT set_config('registry_gateway.session', '{token}', false)")
                        if _found(await other.execute(mine)) or not _found(await connection.execute(mine)):
                            raise StoreRefuses(SESSION_POOLING)
                finally:
                    other.terminate()
        except TimeoutError:
            raise ConnectionError(_TOO_FEW) from None


_TCP = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}

_TOO_FEW = (
    f"the pooler has no second connection for this database: a gateway process takes up to {CONNECTIONS}; raise "
    "default_pool_size in pgbouncer"
)


def _named(error: OSError, server: str) -> OSError | StoreRefuses:
    """Return a network error with the server's name in its message."""
    if "rejected SSL upgrade" in str(error):  # the driver has no other indication
        return StoreRefuses(f"{server} has no TLS, which the database URL requires (sslmode)")
    reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)
    return ConnectionError(f"{server}: {reason}")


def _found(status: str) -> bool:
    """Tell from a command tag whether its SELECT returned a row."""
    return status != "SELECT 0"


def _reports_writes(connection: Any) -> bool:
    """Tell whether the server reports that it takes writes; a pooler does not pass that on."""
    said = connection.get_settings()
    standby = getattr(said, "in_hot_standby", None)
    return standby == "off" and getattr(said, "default_transaction_read_only", None) == "off"


# --- errors that a retry does not resolve
