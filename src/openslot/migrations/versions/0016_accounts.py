"""Credentials of accounts and keys, sign-ups that wait for their address, facts of a deployment."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_TABLE: dict[str, Any] = {
    f"{engine}_{name}": value
    for engine in ("mysql", "mariadb")
    for name, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}
_COLUMNS: dict[str, tuple[tuple[str, Any], ...]] = {
    "account": (("pending_email", sa.String(254)),),
    "account_session": (("proved_at", _INSTANT),),
    "api_key": (("used_from", sa.String(2000)), ("ends_at", _INSTANT)),
    "api_token": (("family_began_at", _INSTANT), ("agent", sa.String(200))),
}


def upgrade() -> None:
    """Add the columns and tables."""
    for table, columns in _COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_table(
        "pending_sign_up",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("password", sa.String(255), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_sign_up")),
        **_TABLE,
    )
    op.create_index(op.f("ix_pending_sign_up_ends_at"), "pending_sign_up", ["ends_at"])
    op.create_table(
        "deployment_fact",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_deployment_fact")),
        **_TABLE,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("deployment_fact")
    op.drop_table("pending_sign_up")
    for table, columns in _COLUMNS.items():
        with op.batch_alter_table(table) as batch:
            for name, _kind in columns:
                batch.drop_column(name)
