"""The meaning of PostgreSQL's errors, by SQLSTATE."""

import re

MINIMUM = 15
"""The oldest major version on which the statements are tested."""

RACES = frozenset({"23505", "40001", "40P01"})  # unique violation, serialization failure, deadlock

READ_ONLY = "25006"
"""SQLSTATE of a server that takes no writes: a standby, for example after a failover."""

BAD_VALUES = ("22", "54")  # PostgreSQL's classes "data exception" and "program limit exceeded"

CAUSES = {
    "25006": "the server is read-only (a standby?)",
    "53100": "the server's disk is full",
    "53300": "the server has no connection left",
    "55P03": "another session holds a lock",
    "57P03": "the server is starting or stopping",
}
"""By SQLSTATE. `remedy` has the errors that a retry does not resolve."""

STOPPED = "57014"
"""SQLSTATE of a cancelled statement, for example by `statement_timeout`."""

SESSION_POOLING = (
    "the gateway needs session pooling, and the pooler hands the transactions of a session to different connections: "
    "set pool_mode = session for this database in pgbouncer, or connect to PostgreSQL itself"
)


def remedy(state: str, problem: str) -> str | None:
    """Return what the operator can do about an error of PostgreSQL; None if a retry may help.

    `state` is its SQLSTATE, `problem` its message.
    """
    if problem.startswith("unsupported startup parameter"):
        return "remove it from the database URL, or add it to ignore_startup_parameters in pgbouncer"
    return _REMEDIES.get(state) or _REMEDIES.get(state[:2])


_TABLES = "run: registry-gateway db check; a schema other than public needs options=-csearch_path%3DSCHEMA in the URL"


_REMEDIES = {
    "28": "check user and password in the database URL, and the server's pg_hba.conf",
    "3D": "create it: CREATE DATABASE NAME OWNER ROLE",
    "3F": "create the schema, or name another with options=-csearch_path%3DSCHEMA in the database URL",
    "26": SESSION_POOLING,
    "42P05": SESSION_POOLING,
    "42501": (
        "as the owner, GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO the role in the database "
        "URL; for migrations the role must own the tables, and have CREATE ON SCHEMA public"
    ),
    "42P01": _TABLES,
    "42703": _TABLES,
    "42": f"this version of the gateway works with PostgreSQL {MINIMUM} or newer, and with tables of its own making",
    "0A": f"this version of the gateway works with PostgreSQL {MINIMUM} or newer",
}

_DOING = re.compile(r"(?<!FOR )\b(INSERT INTO|UPDATE|DELETE FROM|CREATE \w+|ALTER TABLE|DROP TABLE) \w+")


def doing(statement: str | None) -> str:
    """Return a short form of a statement: `DELETE FROM registrations`."""
    if statement is None:
        return "the connection"
    found = _DOING.search(statement)
    if found is None and (read := re.search(r"\bFROM (\w+)", statement)):
        return f"SELECT FROM {read[1]}"
    return found[0] if found else " ".join(statement.split())[:60]
