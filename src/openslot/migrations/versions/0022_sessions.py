"""Sessions of several patients, and appointments that are squeezed in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add them. Every service so far was for one patient at a time."""
    with op.batch_alter_table("service") as service:
        service.add_column(sa.Column("places", sa.Integer(), server_default="1", nullable=False))
    op.create_table(
        "group_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=True),
        sa.Column("diary_id", sa.Integer(), nullable=False),
        sa.Column("room_diary_id", sa.Integer(), nullable=True),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("busy_from", INSTANT, nullable=False),
        sa.Column("busy_until", INSTANT, nullable=False),
        sa.Column("places", sa.Integer(), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False),
        sa.Column("made_by_staff", sa.Boolean(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"fk_group_session_{column}_{table}"),
                ondelete="SET NULL" if table == "account" else None,
            )
            for column, table in (
                ("schedule_id", "schedule"),
                ("service_id", "service"),
                ("diary_id", "diary"),
                ("room_diary_id", "diary"),
                ("created_by", "account"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_session")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    for columns in (["schedule_id", "starts_at"], ["diary_id", "busy_from"]):
        name = op.f(f"ix_group_session_{'_'.join(columns)}")
        op.create_index(name, "group_session", columns)
    with op.batch_alter_table("appointment") as appointment:
        appointment.add_column(sa.Column("session_id", sa.Uuid(), nullable=True))
        appointment.add_column(
            sa.Column("squeezed_in", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        appointment.alter_column("diary_id", existing_type=sa.Integer(), nullable=True)
        appointment.create_foreign_key(
            op.f("fk_appointment_session_id_group_session"),
            "group_session",
            ["session_id"],
            ["id"],
        )
        appointment.create_index(op.f("ix_appointment_session_id"), ["session_id"])


def downgrade() -> None:
    """Remove them. What claims only its patient's time is not known before: it is removed."""
    op.execute("DELETE FROM appointment WHERE diary_id IS NULL")
    with op.batch_alter_table("appointment") as appointment:
        appointment.drop_constraint(
            op.f("fk_appointment_session_id_group_session"), type_="foreignkey"
        )
        appointment.drop_index(op.f("ix_appointment_session_id"))
        appointment.alter_column("diary_id", existing_type=sa.Integer(), nullable=False)
        appointment.drop_column("squeezed_in")
        appointment.drop_column("session_id")
    op.drop_table("group_session")
    with op.batch_alter_table("service") as service:
        service.drop_column("places")
