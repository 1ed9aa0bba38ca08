"""Keys by which people and places are found, however they are written; births known by year."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from openslot.core.folding import compact, folded, phone_key

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_KEYS: dict[str, tuple[tuple[str, str, Callable[[str], str], int], ...]] = {
    "account": (("name", "name_key", folded, 400),),
    "centre": (
        ("name", "name_key", folded, 400),
        ("suburb", "suburb_key", folded, 200),
        ("address", "address_key", folded, 600),
        ("business_number", "business_key", compact, 40),
    ),
    "department": (("name", "name_key", folded, 400),),
    "service": (("name", "name_key", folded, 400),),
    "practitioner": (
        ("name", "name_key", folded, 400),
        ("expertise", "expertise_key", folded, 200),
        ("provider_number", "provider_key", compact, 40),
        ("phone", "phone_key", phone_key, 40),
    ),
    "patient": (
        ("name", "name_key", folded, 400),
        ("phone", "phone_key", phone_key, 40),
        ("medicare_number", "medicare_key", compact, 40),
    ),
}
_INDEXED = ("born", "name_key", "phone_key", "medicare_key")


def upgrade() -> None:
    """Add the keys, and make them of what is there."""
    for table, keys in _KEYS.items():
        for _source, key, _make, length in keys:
            op.add_column(table, sa.Column(key, sa.String(length), nullable=True))
        _fill(table)
    with op.batch_alter_table("patient") as patient:
        patient.alter_column(
            "born", existing_type=sa.Date(), type_=sa.String(10), postgresql_using="born::text"
        )
    for column in _INDEXED:
        op.create_index(op.f(f"ix_patient_{column}"), "patient", [column])


def _fill(name: str) -> None:
    keys = _KEYS[name]
    columns = {column: sa.column(column, sa.String()) for entry in keys for column in entry[:2]}
    identifier = sa.column("id", sa.Uuid() if name in ("account", "patient") else sa.Integer())
    table = sa.table(name, identifier, *columns.values())
    change = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("row"))
        .values({key: sa.bindparam(key) for _source, key, _make, _length in keys})
    )
    sources = [table.c[source] for source, *_rest in keys]
    bind = op.get_bind()
    rows = bind.execute(sa.select(table.c.id, *sources)).all()
    filled = [
        {"row": row[0]}
        | {
            key: make(text)[:length] if text else None
            for text, (_source, key, make, length) in zip(row[1:], keys, strict=True)
        }
        for row in rows
    ]
    for start in range(0, len(filled), 1000):
        bind.execute(change, filled[start : start + 1000])


def downgrade() -> None:
    """Drop the keys; births that are not known to the day become the first day that they may be."""
    for column in _INDEXED:
        op.drop_index(op.f(f"ix_patient_{column}"), "patient")
    born = sa.column("born", sa.String(10))
    op.execute(
        sa.update(sa.table("patient", born)).values(born=sa.func.substr(born + "-01-01", 1, 10))
    )
    with op.batch_alter_table("patient") as patient:
        patient.alter_column(
            "born", existing_type=sa.String(10), type_=sa.Date(), postgresql_using="born::date"
        )
    for table, keys in _KEYS.items():
        with op.batch_alter_table(table) as batch:
            for _source, key, _make, _length in keys:
                batch.drop_column(key)
