"""Takeovers: who registered last, and whom that replaced

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A registration knows the client address it came from, and the one it replaced while that was live."""
    op.add_column("registrations", sa.Column("client_address", sa.Text(), nullable=True))
    op.add_column("registrations", sa.Column("replaced_client_address", sa.Text(), nullable=True))
    op.add_column("registrations", sa.Column("replaced_at", sa.Double(), nullable=True))


def downgrade() -> None:
    """Undo it."""
    for column in ("replaced_at", "replaced_client_address", "client_address"):
        op.drop_column("registrations", column)  # no batch: a copy of the table would take its documents along
