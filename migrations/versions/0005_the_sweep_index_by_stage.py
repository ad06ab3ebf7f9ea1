"""The sweep's index begins with the stage

Revision ID: 0005
Revises: 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Begin the sweep's index with the stage.

    Beginning with the dialect it was good for two things, and PostgreSQL took it, as long as there were few rows, for the
    other one: to look up a row by dialect and key. It kept that plan while there came to be many.
    """
    op.drop_index("ix_registrations_dialect_stage_sweep_at", table_name="registrations")
    op.create_index("ix_registrations_stage_sweep_at_dialect", "registrations", ["stage", "sweep_at", "dialect"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index("ix_registrations_stage_sweep_at_dialect", table_name="registrations")
    op.create_index("ix_registrations_dialect_stage_sweep_at", "registrations", ["dialect", "stage", "sweep_at"])
