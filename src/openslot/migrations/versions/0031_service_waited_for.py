"""The service that somebody waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; who waits already waits for what is usual."""
    with op.batch_alter_table("waiting_entry") as entry:
        entry.add_column(sa.Column("service_id", sa.Integer(), nullable=True))
        entry.create_foreign_key(
            op.f("fk_waiting_entry_service_id_service"), "service", ["service_id"], ["id"]
        )


def downgrade() -> None:
    """Remove it; whoever waits then waits for what is usual."""
    with op.batch_alter_table("waiting_entry") as entry:
        entry.drop_constraint(op.f("fk_waiting_entry_service_id_service"), type_="foreignkey")
        entry.drop_column("service_id")
