"""Who books a service, and where staff ask to work."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add the setting; services that exist stay open to the public."""
    column = sa.Column("bookable_by", sa.String(20), server_default="public", nullable=False)
    op.add_column("service", column)
    op.create_table(
        "staff_request",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("centre_id", sa.Integer(), nullable=True),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("place", sa.String(200), nullable=True),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_staff_request_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["centre_id"], ["centre.id"], name=op.f("fk_staff_request_centre_id_centre")
        ),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_staff_request_department_id_department"),
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_staff_request")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_nopad_bin",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_nopad_bin",
    )


def downgrade() -> None:
    """Remove both."""
    op.drop_table("staff_request")
    with op.batch_alter_table("service") as service:
        service.drop_column("bookable_by")
