"""The health that is on record

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A registration knows which health of its service the last event was about, and when that was.

    What a service has said until now counts as recorded, so that its next heartbeat is no change.
    """
    op.add_column("registrations", sa.Column("logged_health", sa.Text(), nullable=True))
    op.add_column("registrations", sa.Column("health_logged_at", sa.Double(), nullable=True))
    op.execute("UPDATE registrations SET logged_health = reported WHERE reported IS NOT NULL")


def downgrade() -> None:
    """Undo it."""
    op.drop_column("registrations", "health_logged_at")  # no batch: a copy of the table would take its documents along
    op.drop_column("registrations", "logged_health")
