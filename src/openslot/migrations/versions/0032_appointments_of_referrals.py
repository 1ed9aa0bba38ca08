"""How many appointments a referral is for."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; referrals that were written are for as many as are needed until they expire."""
    with op.batch_alter_table("referral") as referral:
        referral.add_column(sa.Column("most_appointments", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Remove it; all referrals are then for as many as are needed."""
    with op.batch_alter_table("referral") as referral:
        referral.drop_column("most_appointments")
