"""Whether a program made an appointment: its holds stay until booked, released or expired."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; whatever is there counts as made by people."""
    column: sa.Column[bool] = sa.Column(
        "by_program", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("appointment", column)


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("appointment", "by_program")
