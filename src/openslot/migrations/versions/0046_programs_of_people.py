"""Programs that act for people: what they registered, what people let them do, codes and keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
DIGEST = sa.LargeBinary(32).with_variant(sa.BINARY(32), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
EXACT: dict[str, Any] = {
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_nopad_bin",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_nopad_bin",
}
BY_BROWSER = "fk_api_token_browser_account_session"


def _references(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    """Add them; tokens learn which patient and browser they are for."""
    with op.batch_alter_table("api_client") as client:
        client.add_column(sa.Column("operator", sa.String(200), nullable=True))
        client.add_column(sa.Column("redirects", sa.Text(), nullable=True))
        client.add_column(sa.Column("launch_url", sa.String(500), nullable=True))
        client.add_column(sa.Column("secret_hash", DIGEST, nullable=True))
    with op.batch_alter_table("api_token") as token:
        token.add_column(sa.Column("proved_at", INSTANT, nullable=True))
        token.add_column(sa.Column("patient_id", sa.Uuid(), nullable=True))
        token.add_column(sa.Column("browser", DIGEST, nullable=True))
        token.create_foreign_key(
            op.f(BY_BROWSER),
            "account_session",
            ["browser"],
            ["token_hash"],
            ondelete="CASCADE",
            onupdate="CASCADE",
        )
    op.create_index(op.f("ix_api_token_browser"), "api_token", ["browser"])
    op.execute(sa.text("UPDATE api_token SET proved_at = family_began_at"))
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("given_at", INSTANT, nullable=False),
        _references("consent", "account_id", "account"),
        _references("consent", "client_id", "api_client"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
        sa.UniqueConstraint(
            "account_id", "client_id", name=op.f("uq_consent_account_id_client_id")
        ),
        **EXACT,
    )
    op.create_index(op.f("ix_consent_client_id"), "consent", ["client_id"])
    op.create_table(
        "authorization_code",
        sa.Column("code_hash", DIGEST, nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("browser", DIGEST, nullable=False),
        sa.Column("redirect", sa.String(1000), nullable=False),
        sa.Column("challenge", sa.String(43), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("nonce", sa.String(500), nullable=True),
        sa.Column("proved_at", INSTANT, nullable=True),
        sa.Column("family", sa.Uuid(), nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        _references("authorization_code", "account_id", "account"),
        _references("authorization_code", "client_id", "api_client"),
        sa.ForeignKeyConstraint(
            ["browser"],
            ["account_session.token_hash"],
            name=op.f("fk_authorization_code_browser_account_session"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_authorization_code")),
        **EXACT,
    )
    for column in ("account_id", "browser", "ends_at"):
        op.create_index(op.f(f"ix_authorization_code_{column}"), "authorization_code", [column])
    op.create_table(
        "signing_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("private", LONG, nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_key")),
        **EXACT,
    )


def downgrade() -> None:
    """Remove them, and programs that act for people."""
    op.drop_table("signing_key")
    op.drop_table("authorization_code")
    op.drop_table("consent")
    op.execute(sa.text("DELETE FROM api_client WHERE redirects IS NOT NULL"))
    with op.batch_alter_table("api_token") as token:
        token.drop_constraint(op.f(BY_BROWSER), type_="foreignkey")
        token.drop_index(op.f("ix_api_token_browser"))
        token.drop_column("browser")
        token.drop_column("patient_id")
        token.drop_column("proved_at")
    with op.batch_alter_table("api_client") as client:
        for name in ("secret_hash", "launch_url", "redirects", "operator"):
            client.drop_column(name)
