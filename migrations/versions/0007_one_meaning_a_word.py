"""Columns have one meaning a word

Revision ID: 0007
Revises: 0006
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RENAMED = (
    ("events", "address", "client_address"),
    ("events", "location", "service_address"),
    ("documents", "offers", "tools"),
    ("documents", "capabilities", "tools_document"),
)
"""Table, old name, new name."""


def upgrade() -> None:
    """Rename columns: `address` is that of a service, and only of a registration; tools are called so."""
    for table, old, new in RENAMED:
        op.alter_column(table, old, new_column_name=new)


def downgrade() -> None:
    """Undo it."""
    for table, old, new in RENAMED:
        op.alter_column(table, new, new_column_name=old)
