"""Where the starts of a schedule lie, and how its hours recur."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; schedules that exist keep their starts, counted from midnight."""
    op.add_column(
        "schedule",
        sa.Column("starts_from", sa.String(20), server_default="midnight", nullable=False),
    )
    op.add_column("schedule", sa.Column("step_minutes", sa.Integer(), nullable=True))
    op.add_column(
        "schedule", sa.Column("flush", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("opening_hours", sa.Column("rule", sa.String(200), nullable=True))
    op.add_column(
        "opening_hours",
        sa.Column("on_holidays", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """Remove them, with the hours that recur by a rule, which the release before would take for
    weekly ones."""
    op.execute("DELETE FROM opening_hours WHERE rule IS NOT NULL")
    with op.batch_alter_table("opening_hours") as hours:
        hours.drop_column("on_holidays")
        hours.drop_column("rule")
    with op.batch_alter_table("schedule") as schedule:
        schedule.drop_column("flush")
        schedule.drop_column("step_minutes")
        schedule.drop_column("starts_from")
