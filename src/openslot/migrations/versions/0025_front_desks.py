"""When patients came and went in, their numbers, and the further centres of a front desk."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0025"
down_revision = "0023"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")

_OF_APPOINTMENT = (
    sa.Column("came_at", INSTANT, nullable=True),
    sa.Column("called_at", INSTANT, nullable=True),
    sa.Column("late_minutes", sa.Integer(), nullable=True),
    sa.Column("day_number", sa.Integer(), nullable=True),
)


def upgrade() -> None:
    """Add them; of those who came before nothing more is known."""
    with op.batch_alter_table("appointment") as appointment:
        for column in _OF_APPOINTMENT:
            appointment.add_column(column)
    op.create_table(
        "further_desk",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("centre_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_further_desk_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["centre_id"], ["centre.id"], name=op.f("fk_further_desk_centre_id_centre")
        ),
        sa.PrimaryKeyConstraint("account_id", "centre_id", name=op.f("pk_further_desk")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )
    op.create_index(op.f("ix_further_desk_centre_id"), "further_desk", ["centre_id"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("further_desk")
    with op.batch_alter_table("appointment") as appointment:
        for column in _OF_APPOINTMENT:
            appointment.drop_column(column.name)
