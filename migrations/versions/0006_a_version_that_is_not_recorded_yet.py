"""A version that is not recorded yet

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A registration knows when the change to its version may be recorded, if it is not recorded yet."""
    op.add_column("registrations", sa.Column("version_due", sa.Double(), nullable=True))


def downgrade() -> None:
    """Undo it."""
    op.drop_column("registrations", "version_due")  # no batch: a copy of the table would take its documents along
