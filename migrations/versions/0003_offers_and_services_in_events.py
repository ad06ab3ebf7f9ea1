"""Offers, and the service as it stood in each event

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Offers, and the service as it stood in each event. What was advertised before is found once posted again."""
    op.create_table(
        "offers",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dialect", "key"],
            ["registrations.dialect", "registrations.key"],
            name="fk_offers_registrations",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_offers"),
    )
    op.create_index("ix_offers_dialect_key", "offers", ["dialect", "key"])
    op.create_index("ix_offers_name", "offers", ["name"])
    for column in ("name", "version", "location"):
        op.add_column("events", sa.Column(column, sa.Text(), nullable=True))


def downgrade() -> None:
    """Undo it."""
    for column in ("location", "version", "name"):
        op.drop_column("events", column)
    op.drop_index("ix_offers_name")
    op.drop_index("ix_offers_dialect_key")

    op.drop_table("offers")
