"""Tokens that end, and when each was last used

Revision ID: 0002
Revises: 0001
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tokens that end, and when each was last used."""
    with op.batch_alter_table("tokens") as batch_op:
        batch_op.add_column(sa.Column("expires_at", sa.Double(), nullable=True))
        batch_op.add_column(sa.Column("last_used_at", sa.Double(), nullable=True))


def downgrade() -> None:
    """Undo it. Tokens that have ended go, since nothing would say so any more; those that were to end never do."""
    tokens = sa.table("tokens", sa.column("expires_at", sa.Double()))
    op.execute(tokens.delete().where(tokens.c.expires_at <= time.time()))
    with op.batch_alter_table("tokens") as batch_op:
        batch_op.drop_column("last_used_at")
        batch_op.drop_column("expires_at")
