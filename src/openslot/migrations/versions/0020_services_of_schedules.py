"""Services that schedules offer, and what an appointment takes besides its own time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

_OF_SERVICE = (
    sa.Column("centre_id", sa.Integer(), nullable=True),
    sa.Column("minutes_before", sa.Integer(), server_default="0", nullable=False),
    sa.Column("minutes_after", sa.Integer(), server_default="0", nullable=False),
    sa.Column("mode", sa.String(20), server_default="in-person", nullable=False),
    sa.Column("video_url", sa.String(500), nullable=True),
    sa.Column("instructions", sa.Text(), nullable=True),
    sa.Column("price", sa.String(100), nullable=True),
    sa.Column("notice_minutes", sa.Integer(), nullable=True),
    sa.Column("horizon_days", sa.Integer(), nullable=True),
)


def upgrade() -> None:
    """Add them. Every appointment so far took its own time, and services were of departments."""
    with op.batch_alter_table("service") as service:
        for column in _OF_SERVICE:
            service.add_column(column)
        service.alter_column("department_id", existing_type=sa.Integer(), nullable=True)
        service.alter_column("diary_id", existing_type=sa.Integer(), nullable=True)
        service.create_foreign_key(
            op.f("fk_service_centre_id_centre"), "centre", ["centre_id"], ["id"]
        )
        service.create_index(op.f("ix_service_centre_id"), ["centre_id"])
    op.create_table(
        "offered_service",
        sa.Column("schedule_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedule.id"],
            name=op.f("fk_offered_service_schedule_id_schedule"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_offered_service_service_id_service")
        ),
        sa.PrimaryKeyConstraint("schedule_id", "service_id", name=op.f("pk_offered_service")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_offered_service_service_id"), "offered_service", ["service_id"])
    with op.batch_alter_table("appointment") as appointment:
        appointment.add_column(sa.Column("service_id", sa.Integer(), nullable=True))
        appointment.add_column(sa.Column("busy_from", INSTANT, nullable=True))
        appointment.add_column(sa.Column("busy_until", INSTANT, nullable=True))
    op.execute("UPDATE appointment SET busy_from = starts_at, busy_until = ends_at")
    with op.batch_alter_table("appointment") as appointment:
        appointment.alter_column("busy_from", existing_type=INSTANT, nullable=False)
        appointment.alter_column("busy_until", existing_type=INSTANT, nullable=False)
        appointment.create_foreign_key(
            op.f("fk_appointment_service_id_service"), "service", ["service_id"], ["id"]
        )
        appointment.create_index(op.f("ix_appointment_service_id"), ["service_id"])


def downgrade() -> None:
    """Remove them; what is of no department goes, as nothing could book it."""
    with op.batch_alter_table("appointment") as appointment:
        appointment.drop_constraint(op.f("fk_appointment_service_id_service"), type_="foreignkey")
        appointment.drop_index(op.f("ix_appointment_service_id"))
        for name in ("service_id", "busy_from", "busy_until"):
            appointment.drop_column(name)
    op.drop_table("offered_service")
    op.execute("DELETE FROM service WHERE department_id IS NULL")
    with op.batch_alter_table("service") as service:
        service.drop_constraint(op.f("fk_service_centre_id_centre"), type_="foreignkey")
        service.drop_index(op.f("ix_service_centre_id"))
        service.alter_column("department_id", existing_type=sa.Integer(), nullable=False)
        service.alter_column("diary_id", existing_type=sa.Integer(), nullable=False)
        for column in _OF_SERVICE:
            service.drop_column(column.name)
