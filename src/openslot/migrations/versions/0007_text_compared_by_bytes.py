"""Text compared by bytes on MariaDB."""

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
"""Columns that MariaDB compares in another way; JSON, a longtext there, is never compared."""


def upgrade() -> None:
    """Have MariaDB compare all text as the other engines do, and store every letter.

    Only columns that need it are changed, a table at a time, so that an upgrade that was broken
    off can be run again.
    """
    if op.get_bind().dialect.name not in ("mysql", "mariadb"):
        return
    changes: dict[str, list[str]] = {}
    for table, *column in op.get_bind().execute(FOLDING).all():
        changes.setdefault(table, []).append(_change(*column))
    op.execute("SET SESSION foreign_key_checks = 0")  # or keys that are text could not change
    for table in (*changes, *_other_tables(set(changes))):
        op.execute(
            f"ALTER TABLE `{table}` {', '.join([f'DEFAULT {EXACT}', *changes.get(table, [])])}"
        )
    op.execute("SET SESSION foreign_key_checks = 1")


def _change(name: str, kind: str, nullable: str, default: str | None) -> str:
    null = "NULL" if nullable == "YES" else "NOT NULL"
    words = f"MODIFY `{name}` {kind} {EXACT} {null}"
    return words if default is None else f"{words} DEFAULT {default}"


def _other_tables(changed: set[str]) -> Iterator[str]:
    """Return tables whose default would make a column that is added later such a one."""
    made = op.get_bind().execute(
        text(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_type = 'BASE TABLE' AND table_collation <> 'utf8mb4_nopad_bin'"
        )
    )
    yield from sorted(set(made.scalars()) - changed)


def downgrade() -> None:
    """Change nothing: the release before works on exact text as well."""
