"""addresses are compared letter by letter."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

EXACT = mysql.VARCHAR(254, charset="utf8mb4", collation="utf8mb4_bin")


def upgrade() -> None:
    """Change the schema."""
    _alter(sa.String(254), EXACT)


def downgrade() -> None:
    """Undo the change; refused by the database where two addresses would be one."""
    _alter(EXACT, mysql.VARCHAR(254))


def _alter(before: sa.types.TypeEngine[str], after: sa.types.TypeEngine[str]) -> None:
    """Only MariaDB and MySQL compare text without regard to accents."""
    if op.get_bind().dialect.name in ("mysql", "mariadb"):
        op.alter_column(
            "account", "email", existing_type=before, type_=after, existing_nullable=False
        )
