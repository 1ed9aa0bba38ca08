"""Who books a service: everybody, colleagues at the centre, or its department on request."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the setting; services that exist stay open to the public."""
    column = sa.Column("bookable_by", sa.String(20), server_default="public", nullable=False)
    op.add_column("service", column)


def downgrade() -> None:
    """Remove the setting."""
    with op.batch_alter_table("service") as service:
        service.drop_column("bookable_by")
