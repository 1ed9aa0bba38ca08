"""Proofs that sealed audit events were removed with the key; when others changed an address."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("audit_seal", sa.Column("removal", sa.String(64), nullable=True))
    op.add_column("patient", sa.Column("email_changed_at", _INSTANT, nullable=True))


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table("patient") as batch:
        batch.drop_column("email_changed_at")
    with op.batch_alter_table("audit_seal") as batch:
        batch.drop_column("removal")
