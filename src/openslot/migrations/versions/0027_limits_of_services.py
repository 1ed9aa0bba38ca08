"""Limits of services, and services for known patients or with a referral."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0023"
branch_labels = None
depends_on = None

_LIMITS = ("cancel_hours", "most_a_day", "most_ahead")


def upgrade() -> None:
    """Add the limits."""
    with op.batch_alter_table("service") as service:
        for name in _LIMITS:
            service.add_column(sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    """Remove them. What not every patient books, nobody but colleagues do then."""
    op.execute(
        "UPDATE service SET bookable_by = 'colleagues' WHERE bookable_by IN ('known', 'referral')"
    )
    with op.batch_alter_table("service") as service:
        for name in _LIMITS:
            service.drop_column(name)
