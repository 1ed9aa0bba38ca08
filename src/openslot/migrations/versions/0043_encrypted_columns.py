"""Health data and secrets are encrypted in their columns."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from openslot.core.data_keys import DataKeys, is_encrypted, place_of
from openslot.core.encryption import keys_in_use, keys_of
from openslot.core.folding import compact
from openslot.core.ids import new_id

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

AT_ONCE = 500
"""Rows that are read and written at a time."""

FACT = sa.table("deployment_fact", sa.column("name"), sa.column("value"))
LONG = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
JSON = sa.JSON()

Row = Mapping[str, Any] | sa.RowMapping


class _Encrypted(NamedTuple):
    """A table, its columns as they were, its primary key, and what is a hash from now on."""

    table: str
    columns: dict[str, sa.types.TypeEngine[Any]]
    key: tuple[str, sa.types.TypeEngine[Any]] = ("id", sa.Uuid())
    hashed: str | None = None


ENCRYPTED = (
    _Encrypted("absence", {"reason": sa.String(200)}),
    _Encrypted(
        "appointment",
        {"task": sa.String(200), "reason": sa.Text(), "status_reason": sa.String(500)},
    ),
    _Encrypted("appointment_answer", {"answer": sa.Text()}),
    _Encrypted(
        "calendar_elsewhere", {"url": sa.String(500)}, key=("practitioner_id", sa.Integer())
    ),
    _Encrypted("emergency_access", {"reason": sa.Text(), "remark": sa.Text()}),
    _Encrypted(
        "history_entry",
        {
            "text": sa.Text(),
            **dict.fromkeys(("medication", "dose", "substance"), sa.String(200)),
        },
    ),
    _Encrypted("kept_answer", {"headers": JSON, "body": sa.Text()}, key=("key_hash", sa.String())),
    _Encrypted("outbox_message", {"payload": JSON}),
    _Encrypted("patient", {"medicare_number": sa.String(40)}, hashed="medicare_key"),
    _Encrypted("pending_sign_up", {"details": JSON}),
    _Encrypted("referral", {"letter": sa.Text(), "answer": sa.Text()}),
    _Encrypted(
        "service_request",
        {"task": sa.String(200), "description": sa.Text(), "answer": sa.String(500)},
    ),
    _Encrypted("webhook_endpoint", {"secret": sa.String(100), "old_secret": sa.String(100)}),
)


def upgrade() -> None:
    """Make the columns long enough, and encrypt what is in them.

    All tables are altered before the first row is written: on MariaDB, which commits with each
    ALTER, the rows are then still encrypted all or none.
    """
    _give_answers(sa.Uuid(), lambda _number: new_id())
    for one in ENCRYPTED:
        _alter(one, is_upgrade=True)
    for one in ENCRYPTED:
        _rewrite(one, _encrypted)
    if keys := keys_in_use(op.get_bind().engine):
        op.execute(sa.insert(FACT).values(name="data-keys", value=keys.newest))


def downgrade() -> None:
    """Decrypt everything, while the keys are there."""
    for one in ENCRYPTED:
        _rewrite(one, _decrypted)
    op.execute(sa.delete(FACT).where(FACT.c.name == "data-keys"))
    for one in ENCRYPTED:
        _alter(one, is_upgrade=False)
    _give_answers(sa.Integer(), lambda number: number)
    _count_on()


def _give_answers(kind: sa.types.TypeEngine[Any], make: Callable[[int], object]) -> None:
    """Give answers ids of another type. What is encrypted for a row needs an id that is known
    before the row is written."""
    bind, had = op.get_bind(), sa.Integer() if isinstance(kind, sa.Uuid) else sa.Uuid()
    with op.batch_alter_table("appointment_answer") as answers:
        answers.add_column(sa.Column("new_id", kind, nullable=True))
    if "new_id" in {
        column["name"] for column in sa.inspect(bind).get_columns("appointment_answer")
    }:
        table = sa.table("appointment_answer", sa.column("id", had), sa.column("new_id", kind))
        without = sa.select(table.c.id).where(table.c.new_id.is_(None)).order_by(table.c.id)
        update = table.update().where(table.c.id == sa.bindparam("this"))
        count = 0
        while ids := bind.scalars(without.limit(AT_ONCE)).all():
            bind.execute(
                update,
                [
                    {"this": id_, "new_id": make(count + number)}
                    for number, id_ in enumerate(ids, start=1)
                ],
            )
            count += len(ids)
    with op.batch_alter_table("appointment_answer") as answers:
        if isinstance(had, sa.Integer) and bind.dialect.name in ("mysql", "mariadb"):
            answers.alter_column(
                "id", existing_type=had, existing_nullable=False, autoincrement=False
            )
        if bind.dialect.name != "sqlite":  # which drops it with its column
            answers.drop_constraint(op.f("pk_appointment_answer"), type_="primary")
        answers.drop_column("id")
        answers.alter_column("new_id", new_column_name="id", existing_type=kind, nullable=False)
    with op.batch_alter_table("appointment_answer") as answers:
        answers.create_primary_key(op.f("pk_appointment_answer"), ["id"])


def _count_on() -> None:
    """Have the database number answers again."""
    engine = op.get_bind().dialect.name
    if engine == "postgresql":
        for statement in (
            "CREATE SEQUENCE appointment_answer_id_seq OWNED BY appointment_answer.id",
            "SELECT setval('appointment_answer_id_seq', coalesce(max(id), 0) + 1, false)"
            " FROM appointment_answer",
            "ALTER TABLE appointment_answer"
            " ALTER COLUMN id SET DEFAULT nextval('appointment_answer_id_seq')",
        ):
            op.execute(statement)
    elif engine != "sqlite":
        op.alter_column(
            "appointment_answer",
            "id",
            existing_type=sa.Integer(),
            existing_nullable=False,
            autoincrement=True,
        )


def _alter(one: _Encrypted, *, is_upgrade: bool) -> None:
    """Change the types of the columns; on MariaDB in one statement, since each copies the table."""
    bind = op.get_bind()
    optional = {has["name"] for has in sa.inspect(bind).get_columns(one.table) if has["nullable"]}
    types = {
        name: (kind, LONG) if is_upgrade else (LONG, kind) for name, kind in one.columns.items()
    }
    if bind.dialect.name in ("mysql", "mariadb"):
        parts = (
            f"MODIFY {name} {new.compile(bind.dialect)} {'' if name in optional else 'NOT '}NULL"
            for name, (_, new) in types.items()
        )
        op.execute(f"ALTER TABLE {one.table} {', '.join(parts)}")
        return
    with op.batch_alter_table(one.table) as table:
        for name, (old, new) in types.items():
            if type(old) is not type(new):
                table.alter_column(
                    name,
                    existing_type=old,
                    type_=new,
                    existing_nullable=name in optional,
                    postgresql_using=f"{name}::{new.compile(bind.dialect)}",
                )


def _rewrite(one: _Encrypted, change: Callable[[DataKeys, _Encrypted, Row], Row]) -> None:
    """Change every row, a few at a time."""
    bind, (key, kind) = op.get_bind(), one.key
    columns = {key: kind, **dict.fromkeys(one.columns, LONG)}
    if one.hashed:
        columns[one.hashed] = sa.String()
    table = sa.table(one.table, *(sa.column(*column) for column in columns.items()))
    first = sa.select(table).order_by(table.c[key]).limit(AT_ONCE)
    update = table.update().where(table.c[key] == sa.bindparam("this"))
    rows = bind.execute(first).mappings().all()
    while rows:
        keys = keys_of(bind.dialect)
        bind.execute(update, [{"this": row[key], **change(keys, one, row)} for row in rows])
        rows = bind.execute(first.where(table.c[key] > rows[-1][key])).mappings().all()


def _encrypted(keys: DataKeys, one: _Encrypted, row: Row) -> Row:
    new = {
        name: keys.encrypt(row[name], _place(one, name, row)) if row[name] else row[name]
        for name in one.columns
    }
    if one.hashed:
        text = row[one.hashed]
        new[one.hashed] = keys.hash_of(text, f"{one.table}.{one.hashed}") if text else text
    return new


def _decrypted(keys: DataKeys, one: _Encrypted, row: Row) -> Row:
    """Return the row in clear; where an earlier try was interrupted, it may be so already."""
    new = {
        name: keys.decrypt(text, _place(one, name, row)) if is_encrypted(text or "") else text
        for name in one.columns
        for text in [row[name]]
    }
    if one.hashed:
        number = new["medicare_number"]
        new[one.hashed] = compact(number)[:40] if number else None
    return new


def _place(one: _Encrypted, name: str, row: Row) -> str:
    return place_of(f"{one.table}.{name}", row[one.key[0]])
