"""People of identity providers who sign in to accounts, and the sessions that they began."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
DIGEST = sa.LargeBinary(32).with_variant(sa.BINARY(32), "mysql", "mariadb")
EXACT: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}
OF_SESSION = "fk_account_session_identity_id_linked_identity"
BY_SESSION = "ix_account_session_provider_session"


def upgrade() -> None:
    """Add their table, and which of them a session began with."""
    op.create_table(
        "linked_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("identity_hash", DIGEST, nullable=False),
        sa.Column("issuer", sa.String(300), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_linked_identity_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_linked_identity")),
        sa.UniqueConstraint("identity_hash", name=op.f("uq_linked_identity_identity_hash")),
        **EXACT,
    )
    op.create_index(op.f("ix_linked_identity_account_id"), "linked_identity", ["account_id"])
    with op.batch_alter_table("account_session") as session:
        session.add_column(sa.Column("identity_id", sa.Uuid(), nullable=True))
        session.add_column(sa.Column("provider_session", DIGEST, nullable=True))
        session.create_foreign_key(
            op.f(OF_SESSION), "linked_identity", ["identity_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index(op.f(BY_SESSION), "account_session", ["provider_session"])


def downgrade() -> None:
    """Remove them; their owners sign in with a password or a passkey."""
    with op.batch_alter_table("account_session") as session:
        session.drop_constraint(op.f(OF_SESSION), type_="foreignkey")
        session.drop_index(op.f(BY_SESSION))
        session.drop_column("provider_session")
        session.drop_column("identity_id")
    op.drop_table("linked_identity")
