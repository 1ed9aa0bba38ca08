"""What sessions need besides their schedule."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the rooms, machines and practitioners of sessions."""
    op.create_table(
        "group_session_resource",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("diary_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["group_session.id"],
            name=op.f("fk_group_session_resource_session_id_group_session"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["diary_id"], ["diary.id"], name=op.f("fk_group_session_resource_diary_id_diary")
        ),
        sa.PrimaryKeyConstraint("session_id", "diary_id", name=op.f("pk_group_session_resource")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(
        op.f("ix_group_session_resource_diary_id"), "group_session_resource", ["diary_id"]
    )


def downgrade() -> None:
    """Remove them; the time that they took stays taken until `openslot check --repair`."""
    op.drop_table("group_session_resource")
