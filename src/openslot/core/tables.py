"""What all tables are made of."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import DateTime, MetaData, String, Table, TypeDecorator, inspect
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column
from sqlalchemy.schema import SchemaItem

from openslot.core import clock
from openslot.core.servers import COLLATION

T = TypeVar("T")
StrEnumT = TypeVar("StrEnumT", bound=StrEnum)

_EXACT = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in {"charset": "utf8mb4", "collate": COLLATION}.items()
}
"""Table options for MariaDB, independent of the defaults of the database."""


class Base(DeclarativeBase):
    """Base of all tables. Constraints are named by convention, so that migrations find them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )

    @classmethod
    def __table_cls__(
        cls, name: str, metadata: MetaData, *parts: SchemaItem, **options: Any
    ) -> Table:
        """Return a table that compares texts byte by byte on every engine."""
        return Table(name, metadata, *parts, **{**options, **_EXACT})


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC to the microsecond; naive ones raise TypeError."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("an instant needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Word(TypeDecorator[StrEnumT]):
    """A member of a StrEnum, stored as its value."""

    impl = String
    cache_ok = True

    def __init__(self, words: type[StrEnumT], length: int):
        super().__init__(length)
        self.words = words

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> StrEnumT | None:
        return None if value is None else self.words(value)


def alias_of(kind: type[T]) -> type[T]:
    """Return another name for a table, which statements of all threads may use.

    SQLAlchemy gives it its columns when it is first used. If two threads use it first at the same
    moment, its columns are no longer those of the table that they are looked up in, and statements
    with it fail for as long as the process lives; so it has them before anybody uses it.
    """
    made = aliased(kind)
    _ = inspect(made).selectable.c
    return made


class Dated:
    """Mixin for tables with a ``changed_at`` column, which sets itself on every change."""

    changed_at: Mapped[datetime] = mapped_column(
        Instant, default=clock.now, onupdate=clock.now, server_default="2026-01-01 00:00:00"
    )
