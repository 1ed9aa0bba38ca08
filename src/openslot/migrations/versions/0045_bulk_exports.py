"""Bulk exports that programs have asked for."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0045"
down_revision = "0043"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
EXACT: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}


def upgrade() -> None:
    """Add their table."""
    op.create_table(
        "bulk_export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("address", sa.String(2000), nullable=False),
        sa.Column("kinds", sa.String(1000), nullable=False),
        sa.Column("since", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_export")),
        **EXACT,
    )
    op.create_index(op.f("ix_bulk_export_asked_at"), "bulk_export", ["asked_at"])


def downgrade() -> None:
    """Remove it; programs ask again."""
    op.drop_table("bulk_export")
