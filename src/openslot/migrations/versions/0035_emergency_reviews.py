"""Reviews of emergency accesses, and until when a cancellation or completion can be undone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add who reviewed an emergency access, when, and with which result, and the time to undo."""
    with op.batch_alter_table("appointment") as appointment:
        appointment.add_column(sa.Column("undo_until", INSTANT, nullable=True))
    with op.batch_alter_table("emergency_access") as access:
        access.add_column(sa.Column("verdict", sa.String(20), nullable=True))
        access.add_column(sa.Column("remark", sa.Text(), nullable=True))
        access.add_column(sa.Column("reviewed_by", sa.Uuid(), nullable=True))
        access.add_column(sa.Column("reviewed_at", INSTANT, nullable=True))
        access.create_foreign_key(
            op.f("fk_emergency_access_reviewed_by_account"),
            "account",
            ["reviewed_by"],
            ["id"],
            ondelete="SET NULL",
        )
    op.create_index(
        op.f("ix_emergency_access_reviewed_at_starts_at"),
        "emergency_access",
        ["reviewed_at", "starts_at"],
    )


def downgrade() -> None:
    """Remove them."""
    with op.batch_alter_table("emergency_access") as access:
        access.drop_constraint(op.f("fk_emergency_access_reviewed_by_account"), type_="foreignkey")
        access.drop_index(op.f("ix_emergency_access_reviewed_at_starts_at"))
        for name in ("reviewed_at", "reviewed_by", "remark", "verdict"):
            access.drop_column(name)
    with op.batch_alter_table("appointment") as appointment:
        appointment.drop_column("undo_until")
