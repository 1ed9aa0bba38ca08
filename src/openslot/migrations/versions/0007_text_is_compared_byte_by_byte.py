"""text is compared byte by byte."""

from collections.abc import Iterator

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

EXACT = "CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"

FOLDING = text(
    "SELECT c.table_name, c.column_name, c.column_type, c.is_nullable, c.column_default"
    " FROM information_schema.columns c JOIN information_schema.tables t"
    " ON t.table_schema = c.table_schema AND t.table_name = c.table_name"
    " WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE'"
    " AND c.data_type IN ('char', 'varchar', 'text') AND c.collation_name <> 'utf8mb4_nopad_bin'"
    " ORDER BY c.table_name, c.ordinal_position"
)
"""Texts that MariaDB compares in another way; JSON, which is a longtext, is never compared."""


def upgrade() -> None:
    """Have MariaDB compare all texts as the other engines do, and keep all letters.

    A table at a time, and only what is not so yet: one that was broken off goes on.
    """
    if op.get_bind().dialect.name not in ("mysql", "mariadb"):
        return
    changes: dict[str, list[str]] = {}
    for table, *column in op.get_bind().execute(FOLDING).all():
        changes.setdefault(table, []).append(_change(*column))
    op.execute("SET SESSION foreign_key_checks = 0")  # or keys that are text could not change
    for table in (*changes, *_made_otherwise(set(changes))):
        op.execute(
            f"ALTER TABLE `{table}` {', '.join([f'DEFAULT {EXACT}', *changes.get(table, [])])}"
        )
    op.execute("SET SESSION foreign_key_checks = 1")


def _change(name: str, kind: str, nullable: str, default: str | None) -> str:
    null = "NULL" if nullable == "YES" else "NOT NULL"
    words = f"MODIFY `{name}` {kind} {EXACT} {null}"
    return words if default is None else f"{words} DEFAULT {default}"


def _made_otherwise(besides: set[str]) -> Iterator[str]:
    """Tables without such a text, where one that is added later would be such a one."""
    made = op.get_bind().execute(
        text(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_type = 'BASE TABLE' AND table_collation <> 'utf8mb4_nopad_bin'"
        )
    )
    yield from sorted(set(made.scalars()) - besides)


def downgrade() -> None:
    """Nothing: what was before works as well on tables that take nothing for the same."""
