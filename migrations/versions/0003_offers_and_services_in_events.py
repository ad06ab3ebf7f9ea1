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
    op.add_column("documents", sa.Column("offers", sa.Text(), nullable=True))
    for column in ("name", "version", "location"):
        op.add_column("events", sa.Column(column, sa.Text(), nullable=True))


def downgrade() -> None:
    """Undo it."""
    for column in ("location", "version", "name"):
        op.drop_column("events", column)
    op.drop_column("documents", "offers")
