"""The gender of practitioners."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; of those who are there already it is not said."""
    with op.batch_alter_table("practitioner") as practitioner:
        practitioner.add_column(sa.Column("gender", sa.String(10), nullable=True))


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("practitioner") as practitioner:
        practitioner.drop_column("gender")
