"""When each account was last signed in to, as far as the audit log knows."""

from uuid import UUID

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
EVENTS = sa.table(
    "audit_event",
    sa.column("action", sa.String),
    sa.column("subject", sa.String),
    sa.column("at", INSTANT),
)
ACCOUNTS = sa.table("account", sa.column("id", sa.Uuid), sa.column("signed_in_at", INSTANT))
PREFIX = "account:"


def upgrade() -> None:
    """Add it."""
    with op.batch_alter_table("account") as account:
        account.add_column(sa.Column("signed_in_at", INSTANT, nullable=True))
    connection = op.get_bind()
    last = connection.execute(
        sa.select(EVENTS.c.subject, sa.func.max(EVENTS.c.at))
        .where(EVENTS.c.action == "account.signed-in", EVENTS.c.subject.startswith(PREFIX))
        .group_by(EVENTS.c.subject)
    ).all()
    if last:
        connection.execute(
            sa.update(ACCOUNTS)
            .where(ACCOUNTS.c.id == sa.bindparam("account_id"))
            .values(signed_in_at=sa.bindparam("moment")),
            [
                {"account_id": UUID(subject.removeprefix(PREFIX)), "moment": moment}
                for subject, moment in last
            ],
        )


def downgrade() -> None:
    """Remove it."""
    with op.batch_alter_table("account") as account:
        account.drop_column("signed_in_at")
