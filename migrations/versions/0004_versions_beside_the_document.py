"""Versions beside the document

Revision ID: 0004
Revises: 0003
"""

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

CHUNK = 1000

documents = sa.table("documents", sa.column("dialect"), sa.column("key"), sa.column("versions"))
versions = sa.table(
    "versions", sa.column("id"), sa.column("dialect"), sa.column("key"), sa.column("version"), sa.column("since")
)
of_document = sa.and_(documents.c.dialect == sa.bindparam("of"), documents.c.key == sa.bindparam("at"))


def upgrade() -> None:
    """The versions of a registration go into a column of its document: a line each, a JSON list of time and version."""
    op.add_column("documents", sa.Column("versions", sa.Text(), nullable=False, server_default=""))
    read = sa.select(versions.c.dialect, versions.c.key, versions.c.since, versions.c.version)
    rows = op.get_bind().execute(read.order_by(versions.c.dialect, versions.c.key, versions.c.id)).all()
    lines: list[dict[str, Any]] = []
    for (dialect, key), history in groupby(rows, lambda row: (row.dialect, row.key)):
        text = "".join(json.dumps([row.since, row.version], ensure_ascii=False) + "\n" for row in history)
        lines.append({"of": dialect, "at": key, "lines": text})
    for start in range(0, len(lines), CHUNK):
        write = documents.update().where(of_document).values(versions=sa.bindparam("lines"))
        op.get_bind().execute(write, lines[start : start + CHUNK])
    op.drop_table("versions")


def downgrade() -> None:
    """Undo it."""
    op.create_table(
        "versions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dialect", "key"],
            ["registrations.dialect", "registrations.key"],
            name="fk_versions_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_versions"),
    )
    op.create_index("ix_versions_dialect_key", "versions", ["dialect", "key"], unique=False)
    rows = list(_rows())
    for start in range(0, len(rows), CHUNK):
        op.get_bind().execute(versions.insert(), rows[start : start + CHUNK])
    with op.batch_alter_table("documents") as batch_op:
        batch_op.drop_column("versions")


def _rows() -> Iterator[dict[str, Any]]:
    read = sa.select(documents.c.dialect, documents.c.key, documents.c.versions)
    for dialect, key, lines in op.get_bind().execute(read.order_by(documents.c.dialect, documents.c.key)):
        for since, version in map(json.loads, lines.split("\n")[:-1]):
            yield {"dialect": dialect, "key": key, "version": version, "since": since}
