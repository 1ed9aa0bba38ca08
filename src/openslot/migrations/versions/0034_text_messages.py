"""Text messages: who wants them, whom they went to, and appointments that were confirmed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0034"
down_revision = "0032"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_KINDS = ("sms_appointments", "sms_reminders", "sms_offers")


def upgrade() -> None:
    """Add the choices, the numbers with their replies, and when an appointment was confirmed."""
    with op.batch_alter_table("notification_preference") as preference:
        for name in _KINDS:
            preference.add_column(
                sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)
            )
    with op.batch_alter_table("appointment") as appointment:
        appointment.add_column(sa.Column("confirmed_at", INSTANT, nullable=True))
    op.create_table(
        "sms_number",
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("stopped_at", INSTANT, nullable=True),
        sa.Column("asked_id", sa.Uuid(), nullable=True),
        sa.Column("asked_start", INSTANT, nullable=True),
        sa.Column("helped_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_sms_number")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_table(
        "sms_reply",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["number"],
            ["sms_number.number"],
            name=op.f("fk_sms_reply_number_sms_number"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sms_reply")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_sms_reply_number"), "sms_reply", ["number"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("sms_reply")
    op.drop_table("sms_number")
    with op.batch_alter_table("appointment") as appointment:
        appointment.drop_column("confirmed_at")
    with op.batch_alter_table("notification_preference") as preference:
        for name in _KINDS:
            preference.drop_column(name)
