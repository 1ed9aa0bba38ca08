"""Calendars that practitioners keep elsewhere."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add their addresses."""
    op.create_table(
        "calendar_elsewhere",
        sa.Column("practitioner_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("url", sa.String(500), nullable=False),
        sa.Column("etag", sa.String(200), nullable=True),
        sa.Column("modified", sa.String(100), nullable=True),
        sa.Column("read_at", INSTANT, nullable=True),
        sa.Column("whole_at", INSTANT, nullable=True),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("tried_at", INSTANT, nullable=True),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("misses", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(200), nullable=True),
        sa.ForeignKeyConstraint(
            ["practitioner_id"],
            ["practitioner.id"],
            name=op.f("fk_calendar_elsewhere_practitioner_id_practitioner"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("practitioner_id", name=op.f("pk_calendar_elsewhere")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_calendar_elsewhere_next_at"), "calendar_elsewhere", ["next_at"])


def downgrade() -> None:
    """Remove them; the busy times that they gave become leave, which earlier versions know."""
    op.drop_table("calendar_elsewhere")
    op.execute("UPDATE absence SET kind = 'leave' WHERE kind = 'elsewhere'")
