"""Groups of rooms and machines, what services need, and what appointments took of it."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. Whatever could be named so far was a room."""
    op.add_column("room", sa.Column("kind", sa.String(20), server_default="room", nullable=False))
    op.create_table(
        "resource_group",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.ForeignKeyConstraint(
            ["centre_id"], ["centre.id"], name=op.f("fk_resource_group_centre_id_centre")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_group")),
        sa.UniqueConstraint("centre_id", "name", name=op.f("uq_resource_group_centre_id_name")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_table(
        "resource_group_member",
        sa.Column("group_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("room_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["resource_group.id"],
            name=op.f("fk_resource_group_member_group_id_resource_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["room_id"], ["room.id"], name=op.f("fk_resource_group_member_room_id_room")
        ),
        sa.PrimaryKeyConstraint("group_id", "room_id", name=op.f("pk_resource_group_member")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_resource_group_member_room_id"), "resource_group_member", ["room_id"])
    op.create_table(
        "service_need",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("room_id", sa.Integer(), nullable=True),
        sa.Column("group_id", sa.Integer(), nullable=True),
        sa.Column("group_name", sa.String(100), nullable=True),
        sa.Column("profession", sa.String(40), nullable=True),
        sa.CheckConstraint(
            "CASE WHEN room_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN group_id IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN group_name IS NULL THEN 0 ELSE 1 END"
            " + CASE WHEN profession IS NULL THEN 0 ELSE 1 END = 1",
            name=op.f("ck_service_need_one_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_service_need_service_id_service")
        ),
        sa.ForeignKeyConstraint(
            ["room_id"], ["room.id"], name=op.f("fk_service_need_room_id_room")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["resource_group.id"],
            name=op.f("fk_service_need_group_id_resource_group"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_need")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    for column in ("service_id", "room_id", "group_id"):
        op.create_index(op.f(f"ix_service_need_{column}"), "service_need", [column])
    op.create_table(
        "appointment_resource",
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("diary_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointment.id"],
            name=op.f("fk_appointment_resource_appointment_id_appointment"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["diary_id"], ["diary.id"], name=op.f("fk_appointment_resource_diary_id_diary")
        ),
        sa.PrimaryKeyConstraint("appointment_id", "diary_id", name=op.f("pk_appointment_resource")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_appointment_resource_diary_id"), "appointment_resource", ["diary_id"])


def downgrade() -> None:
    """Remove them; the time that they took stays taken until `openslot check --repair`."""
    for table in (
        "appointment_resource",
        "service_need",
        "resource_group_member",
        "resource_group",
    ):
        op.drop_table(table)
    op.drop_column("room", "kind")
