"""Appointments that were booked together: of one series, or of one itinerary."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what they share."""
    with op.batch_alter_table("appointment") as appointment:
        for name in ("series_id", "itinerary_id"):
            appointment.add_column(sa.Column(name, sa.Uuid(), nullable=True))
            appointment.create_index(op.f(f"ix_appointment_{name}"), [name])


def downgrade() -> None:
    """Remove it; each appointment stays."""
    with op.batch_alter_table("appointment") as appointment:
        for name in ("series_id", "itinerary_id"):
            appointment.drop_index(op.f(f"ix_appointment_{name}"))
            appointment.drop_column(name)
