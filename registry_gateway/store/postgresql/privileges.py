"""Privileges of a PostgreSQL role on the tables."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

_LACKING = text("""
    SELECT current_user, current_schema(), privilege, string_agg(name, ', ' ORDER BY name)
    FROM unnest(CAST(:tables AS text[])) AS name, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE NOT has_table_privilege(name, privilege)
    GROUP BY privilege ORDER BY privilege
""")


def lacking(connection: Connection, tables: Sequence[str]) -> str | None:
    """Return the privileges on `tables` that the role lacks, with the command that grants them; None if it has them
    all.
    """
    rows = connection.execute(_LACKING, {"tables": list(tables)}).all()
    if not rows:
        return None
    role, schema = rows[0][:2]
    missing = "; ".join(f"{privilege} on {names}" for _, _, privilege, names in rows)
    grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"
    return f"the role {role} lacks {missing}; as the owner of the tables run: {grant}"
