"""Limits of services, who may book them, hours for some of them, and questions."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_LIMITS = ("cancel_hours", "most_a_day", "most_ahead")


def upgrade() -> None:
    """Add the limits, what hours are for, and questions with answers."""
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
    op.create_table(
        "service_question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("words", sa.String(500), nullable=False),
        sa.Column("choices", sa.Text(), nullable=True),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_service_question_service_id_service")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_question")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_service_question_service_id"), "service_question", ["service_id"])
    op.create_table(
        "appointment_answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("appointment_id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("words", sa.String(500), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointment.id"],
            name=op.f("fk_appointment_answer_appointment_id_appointment"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["service_question.id"],
            name=op.f("fk_appointment_answer_question_id_service_question"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_answer")),
        sa.UniqueConstraint(
            "appointment_id",
            "question_id",
            name=op.f("uq_appointment_answer_appointment_id_question_id"),
        ),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(
        op.f("ix_appointment_answer_question_id"), "appointment_answer", ["question_id"]
    )


def downgrade() -> None:
    """Remove them. What not every patient books, only colleagues do then; hours that are for some
    services go, since they would be for all, and so do questions and answers."""
    op.drop_table("appointment_answer")
    op.drop_table("service_question")
    op.execute("DELETE FROM opening_hours WHERE id IN (SELECT hours_id FROM hours_service)")
    op.drop_table("hours_service")
    op.execute(
        "UPDATE service SET bookable_by = 'colleagues' WHERE bookable_by IN ('known', 'referral')"
    )
    with op.batch_alter_table("service") as service:
        for name in _LIMITS:
            service.drop_column(name)
