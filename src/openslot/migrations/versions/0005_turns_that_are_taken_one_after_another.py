"""turns that are taken one after another."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the schema."""
    op.create_table(
        "turn",
        sa.Column("name_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("name_hash", name=op.f("pk_turn")),
    )


def downgrade() -> None:
    """Undo the change; rows that only the newer schema can hold are lost."""
    op.drop_table("turn")
