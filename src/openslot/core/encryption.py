"""Encrypted columns: a copy of the database tells nothing of them without the data keys.

A column of the type EncryptedText or EncryptedJson is used as any other, in objects and in queries
of single columns, but can only be compared with NULL. A value is encrypted for its table, column
and row, and the type alone does not know the row:

- A SELECT reads the id of the row together with the value (``column_expression``).
- Rows that are inserted or updated pass ``_encrypt_rows`` on their way to the database. A value
  that is part of a statement, whose row nobody knows, is refused; :func:`encrypted_for` makes one.

What is looked up has a column of the type Blind beside it, with keyed hashes. An empty text is
stored as it is.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    String,
    Table,
    Text,
    TypeDecorator,
    cast,
    event,
    literal_column,
    type_coerce,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.orm import InstrumentedAttribute, Mapper, Session
from sqlalchemy.sql import operators
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.sql.schema import CallableColumnDefault

from openslot.core.data_keys import MOST_KEYS, DataKeys, NoDataKey, place_of

_KEYS: WeakKeyDictionary[Dialect, DataKeys] = WeakKeyDictionary()
"""The keys of each engine, by its dialect, which is what the types of columns know of it."""


def use_keys(engine: Engine, keys: DataKeys) -> None:
    """Encrypt and decrypt with these keys on an engine."""
    _KEYS[engine.dialect] = keys
    event.listen(engine, "before_execute", _encrypt_rows, retval=True)


def keys_in_use(engine: Engine) -> DataKeys | None:
    """Return the keys of an engine, if it has any."""
    return _KEYS.get(engine.dialect)


def keys_of(dialect: Dialect) -> DataKeys:
    """Return the keys of an engine. Raises NoDataKey."""
    keys = _KEYS.get(dialect)
    if keys is None:
        raise NoDataKey
    return keys


class _Encrypted:
    """A value that was encrypted for its row, as it is stored."""

    def __init__(self, stored: str):
        self.stored = stored


class _EncryptedText(str, _Encrypted):
    """The same, with its text, which keys of columns are made of (folding.py)."""

    stored: str


class _OnlyNull(TypeDecorator.Comparator[Any]):
    """Compares with NULL only."""

    def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
        """Raise TypeError for anything but a comparison with NULL."""
        is_null = op in (operators.eq, operators.ne, operators.is_, operators.is_not)
        if not is_null or any(getattr(one, "value", one) is not None for one in other):
            raise TypeError(f"{self.expr} is encrypted, and can only be compared with NULL")
        return super().operate(op, *other, **kwargs)


class EncryptedText(TypeDecorator[Any]):
    """A text that is stored encrypted, in a table whose primary key is known before a row is
    written. ``name`` is that of its column (:func:`_name_types`); SQLAlchemy tells types apart by
    what they are made with."""

    impl = Text
    cache_ok = True
    comparator_factory = _OnlyNull

    def __init__(self, *, name: str = ""):
        super().__init__()
        self.name = name

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """On MariaDB a TEXT has 64 KiB at most."""
        return mysql.MEDIUMTEXT() if dialect.name in ("mysql", "mariadb") else Text()

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """Read the id of the row with the value; raise TypeError where there is none."""
        row_id = self._row_id(column)
        return type_coerce(
            cast(row_id, String) + literal_column("':'") + type_coerce(column, Text), self
        )

    def _row_id(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        own, *others = column.base_columns
        if isinstance(own, Column) and not others:
            row_id: ColumnElement[Any] | None = column.table.corresponding_column(key_of(own.table))
            if row_id is not None:
                return row_id
        raise TypeError(f"{self.name} is encrypted, and is read from queries with its row only")

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        if isinstance(value, _Encrypted):
            return value.stored
        if value is None or value == "":
            return None if value is None else ""
        raise TypeError(f"{self.name} is encrypted for a row, which is not known here")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        row_id, _, stored = value.partition(":")
        return self.opened(keys_of(dialect), stored, row_id) if stored else ""

    def opened(self, keys: DataKeys, stored: str, row_id: object) -> Any:
        """Return what is stored in a row. Raises DoesNotOpen."""
        return keys.decrypt(stored, place_of(self.name, row_id))

    def encrypted(self, keys: DataKeys, value: Any, row_id: object) -> _Encrypted:
        """Return a value as it is stored in a row."""
        text = _EncryptedText(value)
        text.stored = keys.encrypt(value, place_of(self.name, row_id))
        return text


class EncryptedJson(EncryptedText):
    """A value that can be written as JSON, and is stored encrypted."""

    cache_ok = True

    def opened(self, keys: DataKeys, stored: str, row_id: object) -> Any:
        """Return what is stored in a row. Raises DoesNotOpen."""
        return json.loads(super().opened(keys, stored, row_id))

    def encrypted(self, keys: DataKeys, value: Any, row_id: object) -> _Encrypted:
        """Return a value as it is stored in a row."""
        return _Encrypted(keys.encrypt(json.dumps(value), place_of(self.name, row_id)))


class _Aged(NamedTuple):
    """A text to look for by its hash of a key, ``age`` keys older than the newest."""

    text: str
    age: int


class _Whole(TypeDecorator.Comparator[Any]):
    """Compares with whole texts only, or with NULL."""

    def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> ColumnElement[Any]:
        """Compare with a hash by each key; raise TypeError for anything but a comparison."""
        if op is operators.eq and isinstance(other[0], str):
            return self.expr.in_([_Aged(other[0], age) for age in range(MOST_KEYS)])
        if op in (operators.in_op, operators.is_, operators.is_not):
            return super().operate(op, *other, **kwargs)
        raise TypeError(f"{self.expr} is a hash, and can only be compared with a whole text")


class Blind(TypeDecorator[str]):
    """A keyed hash of a text, by which rows with that text are found (a blind index)."""

    impl = String
    cache_ok = True
    comparator_factory = _Whole

    def __init__(self, length: int, *, name: str = ""):
        super().__init__(length)
        self.name = name

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        text, age = value if isinstance(value, _Aged) else (value, 0)
        return keys_of(dialect).hash_of(text, self.name, age)


@event.listens_for(Mapper, "after_mapper_constructed")
def _name_types(mapper: Mapper[Any], _entity: type) -> None:
    """Tell each type the name of its column, which nobody else needs to repeat."""
    for column in mapper.columns:
        if isinstance(column.type, EncryptedText | Blind):
            column.type.name = f"{column.table.name}.{column.name}"


# Writing


def encrypted_for(
    session: Session, column: InstrumentedAttribute[Any], value: Any, row_id: object
) -> Any:
    """Return a value as it is stored in this row, for a statement that does not show the row."""
    if value is None:
        return None
    kind: EncryptedText = column.type
    return kind.encrypted(keys_of(session.get_bind().dialect), value, row_id)


class Place(NamedTuple):
    """An encrypted column, its type, and the primary key of its table."""

    column: Column[Any]
    kind: EncryptedText
    key: Column[Any]


def encrypted_columns(table: Table) -> list[Place]:
    """Return the encrypted columns of a table."""
    places: list[Place] | None = table.info.get("encrypted")
    if places is None:
        places = table.info["encrypted"] = [
            Place(column, kind, key_of(table))
            for column in table.c
            if isinstance(kind := column.type, EncryptedText)
        ]
    return places


def key_of(table: Table) -> Column[Any]:
    """Return the primary key of a table with encrypted columns, which is one column."""
    (key,) = table.primary_key.columns
    return key


def _encrypt_rows(
    connection: Connection, statement: Any, several: Any, single: Any, _options: Any
) -> tuple[Any, Any, Any]:
    """Encrypt the rows of an INSERT or UPDATE: a listener of SQLAlchemy's event before_execute."""
    if statement.is_dml and isinstance(statement.table, Table) and (several or single):
        places = encrypted_columns(statement.table)
        if places and not statement.is_delete:
            row_id = _new_id if statement.is_insert else _old_id
            encrypt = partial(_encrypt_row, keys_of(connection.dialect), places, row_id)
            return statement, [*map(encrypt, several)], encrypt(single) if single else single
    return statement, several, single


def encrypted_rows(
    connection: Connection, table: Table, rows: Iterable[Mapping[str, Any]]
) -> Iterable[Mapping[str, Any]]:
    """Return new rows of a table as they are stored, for a statement that SQLAlchemy does not
    execute."""
    places = encrypted_columns(table)
    if not places:
        return rows
    return map(partial(_encrypt_row, keys_of(connection.dialect), places, _new_id), rows)


def _encrypt_row(
    keys: DataKeys,
    places: Sequence[Place],
    id_of: Callable[[Column[Any], dict[str, Any]], Any],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    values = dict(given)
    row_id = id_of(places[0].key, values)
    for column, kind, _ in places:
        value = values.get(column.key)
        if row_id is not None and value not in (None, "") and not isinstance(value, _Encrypted):
            values[column.key] = kind.encrypted(keys, value, row_id)
    return values


def _new_id(key: Column[Any], values: dict[str, Any]) -> Any:
    """Return the id of a new row, and make it now if that is left to its default."""
    if key.key not in values and isinstance(key.default, CallableColumnDefault):
        values[key.key] = key.default.arg(None)  # type: ignore[arg-type] # SQLAlchemy wraps it
    return values.get(key.key)


def _old_id(key: Column[Any], values: dict[str, Any]) -> Any:
    """Return the id of a row that is updated, as units of work name it in the condition."""
    return values.get(f"{key.table.name}_{key.name}")
