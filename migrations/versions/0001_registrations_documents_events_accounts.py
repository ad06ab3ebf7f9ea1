"""Registrations, documents, events, accounts

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Registrations, documents, events, accounts."""
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("slugs", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_at", "events", ["at"])
    op.create_index("ix_events_dialect_key_id", "events", ["dialect", "key", "id"])

    op.create_table(
        "presence",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("present_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_presence"),
    )
    op.create_table(
        "registrations",
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.Double(), nullable=True),
        sa.Column("reported", sa.Text(), nullable=True),
        sa.Column("advertised", sa.Boolean(), nullable=False),
        sa.Column("registered_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.Column("ttl", sa.Double(), nullable=False),
        sa.Column("granted_at", sa.Double(), nullable=False),
        sa.Column("heartbeat_at", sa.Double(), nullable=True),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("sweep_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("dialect", "key", name="pk_registrations"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_registrations_dialect_stage_sweep_at", "registrations", ["dialect", "stage", "sweep_at"])

    op.create_table(
        "documents",
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("capabilities", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dialect", "key"],
            ["registrations.dialect", "registrations.key"],
            name="fk_documents_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("dialect", "key", name="pk_documents"),
    )
    op.create_table(
        "subscriptions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subscriber", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dialect", "key"],
            ["registrations.dialect", "registrations.key"],
            name="fk_subscriptions_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
    )
    op.create_index("ix_subscriptions_dialect_key", "subscriptions", ["dialect", "key"])

    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name="fk_tokens_accounts", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_index("ix_tokens_account", "tokens", ["account"])

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
    op.create_index("ix_versions_dialect_key", "versions", ["dialect", "key"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_versions_dialect_key")

    op.drop_table("versions")
    op.drop_index("ix_tokens_account")

    op.drop_table("tokens")
    op.drop_index("ix_subscriptions_dialect_key")

    op.drop_table("subscriptions")
    op.drop_table("documents")
    op.drop_index("ix_registrations_dialect_stage_sweep_at")

    op.drop_table("registrations")
    op.drop_table("presence")
    op.drop_index("ix_events_dialect_key_id")
    op.drop_index("ix_events_at")

    op.drop_table("events")
    op.drop_table("accounts")
