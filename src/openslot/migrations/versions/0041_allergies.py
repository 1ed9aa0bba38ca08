"""Allergies in health records."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what entries say of an allergy."""
    with op.batch_alter_table("history_entry") as entry:
        entry.add_column(sa.Column("substance", sa.String(200), nullable=True))
        entry.add_column(sa.Column("severity", sa.String(20), nullable=True))
        entry.add_column(sa.Column("state", sa.String(20), nullable=True))


def downgrade() -> None:
    """Remove the columns; entries about allergies keep their text."""
    with op.batch_alter_table("history_entry") as entry:
        entry.drop_column("state")
        entry.drop_column("severity")
        entry.drop_column("substance")
