"""Limits of services, who may book them, and hours for some of them."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0023"
branch_labels = None
depends_on = None

_LIMITS = ("cancel_hours", "most_a_day", "most_ahead")


def upgrade() -> None:
    """Add the limits, and what hours are for."""
    with op.batch_alter_table("service") as service:
        for name in _LIMITS:
            service.add_column(sa.Column(name, sa.Integer(), nullable=True))
    op.create_table(
        "hours_service",
        sa.Column("hours_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["hours_id"],
            ["opening_hours.id"],
            name=op.f("fk_hours_service_hours_id_opening_hours"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_hours_service_service_id_service")
        ),
        sa.PrimaryKeyConstraint("hours_id", "service_id", name=op.f("pk_hours_service")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_hours_service_service_id"), "hours_service", ["service_id"])


def downgrade() -> None:
    """Remove them. What not every patient books, only colleagues do then; hours that are for some
    services go, since they would be for all."""
    op.execute("DELETE FROM opening_hours WHERE id IN (SELECT hours_id FROM hours_service)")
    op.drop_table("hours_service")
    op.execute(
        "UPDATE service SET bookable_by = 'colleagues' WHERE bookable_by IN ('known', 'referral')"
    )
    with op.batch_alter_table("service") as service:
        for name in _LIMITS:
            service.drop_column(name)
