"""Values of columns as JSON, and back: exact, the same on every engine."""

import binascii
import math
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Integer,
    LargeBinary,
    String,
    Uuid,
)

from openslot.core.actor import Role
from openslot.core.births import Birth, BirthDate
from openslot.core.encryption import EncryptedJson, EncryptedText
from openslot.core.tables import Instant, Word

Json = Any


class NotRead(ValueError):
    """The value cannot be in this column; the text says what could."""


_LEAST = {"slot_minutes": 5, "step_minutes": 5}
"""The least numbers of columns, where 0 would be divided by. No other column counts below 0."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A column: how its values are written, and how they are read, which raises NotRead."""

    column: Column[Any]
    write: Callable[[Any], Json]
    read: Callable[[Json], Any]

    @property
    def is_required(self) -> bool:
        """Return whether each row has a value."""
        return not self.column.nullable


def cell_of(column: Column[Any]) -> Cell:
    """Return the cell of a column, by its type."""
    kind = column.type
    if isinstance(kind, EncryptedJson | JSON):
        return Cell(column, _same, _json)
    if isinstance(kind, EncryptedText):
        return Cell(column, str, _text(None))
    if isinstance(kind, Birth):
        return Cell(column, str, _made_by(BirthDate, "a date such as 1980-03-31"))
    if isinstance(kind, Word):
        return Cell(column, str, _one_of(kind.words))
    if isinstance(kind, Instant):
        return Cell(column, _instant_text, _instant)
    if isinstance(kind, Uuid):
        return Cell(column, str, _made_by(UUID, "a UUID"))
    if isinstance(kind, Date):
        return Cell(column, date.isoformat, _made_by(date.fromisoformat, "a date"))
    if isinstance(kind, Boolean):
        return Cell(column, bool, _boolean)
    if isinstance(kind, Float):
        return Cell(column, float, _number)
    if isinstance(kind, Integer):
        bits = 63 if isinstance(kind, BigInteger) else 31
        return Cell(column, int, _whole(_LEAST.get(column.name, 0), bits))
    if isinstance(kind, LargeBinary):
        return Cell(column, _base64, _bytes)
    if isinstance(kind, String):
        return Cell(column, str, _checked_text(column, kind.length))
    raise TypeError(f"{column} has no form in files")


def _checked_text(column: Column[Any], length: int | None) -> Callable[[Json], Any]:
    """Return the reading of a text that is one of few, where it is."""
    if column.name == "time_zone":
        return _among(available_timezones(), "a time zone of this machine")
    if column.name == "role":
        return _one_of(Role)
    return _text(length)


def _same(value: Any) -> Json:
    return value


def _instant_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _text(length: int | None) -> Callable[[Json], str]:
    def read(value: Json) -> str:
        if not isinstance(value, str) or not _can_be_stored(value):
            raise NotRead("This must be a text.")
        if length is not None and len(value) > length:
            raise NotRead(f"This must be a text of at most {length} characters.")
        return value

    return read


def _can_be_stored(text: str) -> bool:
    """Return whether every engine takes the text: no NUL, no half of a character."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


def _json(value: Json) -> Json:
    texts = [value]
    while texts:
        one = texts.pop()
        if isinstance(one, str) and not _can_be_stored(one):
            raise NotRead("This has a character that cannot be stored.")
        if isinstance(one, float) and not math.isfinite(one):
            raise NotRead("This has a number that cannot be stored.")
        if isinstance(one, dict):
            texts += [*one, *one.values()]
        elif isinstance(one, list):
            texts += one
    return value


def _made_by(make: Callable[[str], Any], what: str) -> Callable[[Json], Any]:
    def read(value: Json) -> Any:
        try:
            if isinstance(value, str):
                return make(value)
        except ValueError:
            pass
        raise NotRead(f"This must be {what}.")

    return read


def _one_of(words: type) -> Callable[[Json], Any]:
    names = [str(one) for one in words]  # type: ignore[attr-defined] # an enumeration
    return _made_by(words, f"one of {', '.join(names)}")


def _among(texts: set[str], what: str) -> Callable[[Json], str]:
    def read(value: Json) -> str:
        if not isinstance(value, str) or value not in texts:
            raise NotRead(f"This must be {what}.")
        return value

    return read


def _instant(value: Json) -> datetime:
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise NotRead("This must be an instant with its offset, such as 2026-11-30T09:00:00+00:00.")


def _boolean(value: Json) -> bool:
    if not isinstance(value, bool):
        raise NotRead("This must be true or false.")
    return value


def _whole(least: int, bits: int) -> Callable[[Json], int]:
    def read(value: Json) -> int:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if not is_whole or not least <= value < 1 << bits:
            raise NotRead(f"This must be a whole number, {least} or more.")
        return int(value)

    return read


def _number(value: Json) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number):
                return number
    except OverflowError:
        pass
    raise NotRead("This must be a number.")


def _bytes(value: Json) -> bytes:
    try:
        return b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise NotRead("This must be bytes in base64.") from None
