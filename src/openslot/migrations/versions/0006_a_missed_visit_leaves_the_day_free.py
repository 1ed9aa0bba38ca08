"""a missed visit leaves the day free."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Take from missed visits what keeps another from being booked that day."""
    op.execute("UPDATE appointment SET one_a_day = NULL WHERE status = 'no-show'")


def downgrade() -> None:
    """Nothing: a visit without it is as good before."""
