"""Dates of birth, which may be known to the day, the month or the year only."""

import re
from calendar import monthrange
from datetime import date
from typing import Self

from sqlalchemy import Dialect, String, TypeDecorator

_WRITTEN = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)


UNREADABLE = "unreadable"
"""Value of a form's field with a text that is no date, so that the domain says what to enter."""


class BirthDate(str):
    """A date of birth as ISO 8601 and FHIR write it: 1980-03-31, 1980-03 or 1980.

    Raises ValueError for a day that does not exist. Texts of this form are in the order of time.
    """

    __slots__ = ()

    def __new__(cls, written: str | date) -> Self:
        """Read a date, or the text of a date, month or year."""
        text = written.isoformat() if isinstance(written, date) else written
        if not _WRITTEN.fullmatch(text):
            raise ValueError(text)
        date.fromisoformat(text + "-01-01"[: 10 - len(text)])
        return super().__new__(cls, text)

    @property
    def first(self) -> date:
        """Return the first day on which the person may be born."""
        return date.fromisoformat(self + "-01-01"[: 10 - len(self)])

    @property
    def last(self) -> date:
        """Return the last day on which the person may be born."""
        first = self.first
        month = first.month if len(self) > 4 else 12
        return date.fromisoformat(self) if len(self) == 10 else _last(first.year, month)

    def may_be(self, other: "BirthDate") -> bool:
        """Return whether both can be the birth of one person, as 1980 and 1980-03-31."""
        return self.startswith(other) or other.startswith(self)


def _last(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])


class Birth(TypeDecorator[BirthDate]):
    """A date of birth, stored as its text."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(10)

    def process_bind_param(self, value: date | str | None, _dialect: Dialect) -> str | None:
        return None if value is None else str(BirthDate(value))

    def process_result_value(self, value: str | None, _dialect: Dialect) -> BirthDate | None:
        return None if value is None else BirthDate(value)
