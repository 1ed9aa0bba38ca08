"""Diaries of an appointment as columns, and a version for diary pages."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

DIARIES = {
    "diary_id": """
        SELECT COALESCE(practitioner.diary_id, service.diary_id) FROM schedule
        LEFT JOIN practitioner ON practitioner.id = schedule.practitioner_id
        LEFT JOIN service ON service.id = schedule.service_id
        WHERE schedule.id = appointment.schedule_id
    """,
    "room_diary_id": """
        SELECT room.diary_id FROM schedule JOIN room ON room.id = schedule.room_id
        WHERE schedule.id = appointment.schedule_id
    """,
    "patient_diary_id": "SELECT diary_id FROM patient WHERE patient.id = appointment.patient_id",
}
"""The diaries that followed from an appointment's schedule and patient until now."""


def upgrade() -> None:
    """Add the columns, and fill in the diaries that each appointment claims."""
    op.add_column(
        "diary_page", sa.Column("version", sa.Integer(), server_default="1", nullable=False)
    )
    for name, diary in DIARIES.items():
        op.add_column("appointment", sa.Column(name, sa.Integer(), nullable=True))
        op.execute(f"UPDATE appointment SET {name} = ({diary})")  # noqa: S608 # nosec B608 - ours
    with op.batch_alter_table("appointment") as appointment:
        appointment.alter_column("diary_id", existing_type=sa.Integer(), nullable=False)
        for name in DIARIES:
            constraint = op.f(f"fk_appointment_{name}_diary")
            appointment.create_foreign_key(constraint, "diary", [name], ["id"])


def downgrade() -> None:
    """Drop the columns: the diaries follow from the schedule again."""
    with op.batch_alter_table("appointment") as appointment:
        for name in DIARIES:
            appointment.drop_constraint(op.f(f"fk_appointment_{name}_diary"), type_="foreignkey")
            appointment.drop_column(name)
    with op.batch_alter_table("diary_page") as page:
        page.drop_column("version")
