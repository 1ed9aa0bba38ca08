"""names that say what they hold: preferences for appointments, named locks, expired holds."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_APPOINTMENT = sa.table("appointment", sa.column("status", sa.String(20)))
_MESSAGE = sa.table("outbox_message", sa.column("topic", sa.String(60)))


def upgrade() -> None:
    """Rename a column, a table that is empty between transactions, a status and a topic."""
    with op.batch_alter_table("notification_preference") as table:
        table.alter_column(
            "visits", new_column_name="appointments", existing_type=sa.Boolean(), nullable=False
        )
    _locks("turn", "named_lock")
    _replace(_APPOINTMENT, "status", "lapsed", "expired")
    _replace(_MESSAGE, "topic", "visit.reminder", "appointment.reminder")


def downgrade() -> None:
    """Undo the change."""
    _replace(_MESSAGE, "topic", "appointment.reminder", "visit.reminder")
    _replace(_APPOINTMENT, "status", "expired", "lapsed")
    _locks("named_lock", "turn")
    with op.batch_alter_table("notification_preference") as table:
        table.alter_column(
            "appointments", new_column_name="visits", existing_type=sa.Boolean(), nullable=False
        )


def _locks(old: str, new: str) -> None:
    op.drop_table(old)
    op.create_table(
        new,
        sa.Column("name_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name_hash", name=op.f(f"pk_{new}")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )


def _replace(table: sa.TableClause, column: str, old: str, new: str) -> None:
    op.execute(sa.update(table).where(table.c[column] == old).values({column: new}))
