"""Editor of weekly hours: plain text fields that work without scripts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from flask import request
from flask_babel import get_locale
from flask_babel import gettext as _

from openslot.core.errors import DomainError
from openslot.core.language import settled
from openslot.entrypoints.problems import sentence_of
from openslot.entrypoints.web.reading import EARLIEST, LATEST
from openslot.schedules.availability import Weekly
from openslot.schedules.errors import BadHours
from openslot.schedules.rules import check_hours, clock_text, read_clock

PERIODS = 3
"""Fewest periods offered for each weekday; existing ones are always shown."""

MOST = 24
TYPICAL = tuple(Weekly(weekday, 9 * 60, 17 * 60) for weekday in range(5))
"""Hours of a new schedule."""


class Period(Protocol):
    """Weekly period of the database or of the rules."""

    @property
    def weekday(self) -> int:
        """Weekday, 0 for Monday."""

    @property
    def starts(self) -> int:
        """Minutes after midnight."""

    @property
    def ends(self) -> int:
        """Minutes after midnight, up to 1440."""

    @property
    def valid_from(self) -> date | None:
        """First day of validity, if limited."""

    @property
    def valid_until(self) -> date | None:
        """Last day of validity, if limited."""


@dataclass
class Row:
    """One period as typed."""

    key: str
    starts: str = ""
    ends: str = ""
    since: str = ""
    until: str = ""
    is_wrong: bool = False

    @property
    def is_empty(self) -> bool:
        """True if nothing was typed."""
        return not (self.starts or self.ends or self.since or self.until)

    @property
    def has_dates(self) -> bool:
        """True if the period is limited to certain dates."""
        return bool(self.since or self.until)

    def weekly(self, weekday: int) -> Weekly:
        """Return the period; raise BadHours if it cannot be read."""
        since, until = _day(self.since), _day(self.until)
        return Weekly(weekday, read_clock(self.starts), read_clock(self.ends), since, until)


@dataclass
class WeekdayRows:
    """Rows of a weekday, 0 for Monday, and their error."""

    weekday: int
    rows: list[Row]
    error: str | None = None

    @property
    def name(self) -> str:
        """Name of the weekday in the reader's language."""
        return str(settled(get_locale()).days["stand-alone"]["wide"][self.weekday])

    @property
    def error_id(self) -> str:
        """Id of the field that the error summary links to."""
        wrong = next((row for row in self.rows if row.is_wrong), self.rows[0])
        return f"hours-{wrong.key}-starts"

    def parse(self) -> list[Weekly]:
        """Return the valid periods of this weekday, and mark the others."""
        found = []
        for row in self.rows:
            try:
                if not row.is_empty:
                    period = row.weekly(self.weekday)
                    check_hours([period])
                    found.append(period)
            except BadHours as error:
                row.is_wrong = True
                self.error = sentence_of(error)
        return found if self.error else self._without_overlaps(found)

    def _without_overlaps(self, periods: list[Weekly]) -> list[Weekly]:
        try:
            check_hours(periods)
        except DomainError:
            self.error = _("These periods overlap. Change one of them.")
        return periods


@dataclass
class HoursForm:
    """Form for the weekly hours of a schedule."""

    days: list[WeekdayRows]
    form_errors: list[str] = field(default_factory=list)

    @classmethod
    def showing(cls, hours: Iterable[Period]) -> "HoursForm":
        """Return the form filled with these hours."""
        own: list[list[Row]] = [[] for _weekday in range(7)]
        for period in hours:
            rows = own[period.weekday]
            rows.append(_row(f"{period.weekday}-{len(rows)}", period))
        return cls([WeekdayRows(weekday, _filled(weekday, own[weekday])) for weekday in range(7)])

    @classmethod
    def typed(cls) -> "HoursForm":
        """Return the form filled from this request; Monday's hours are copied to all working days
        if requested."""
        own = [_typed(weekday) for weekday in range(7)]
        if request.form.get("copy") == "yes":
            own[1:5] = [_copied(own[0], weekday) for weekday in range(1, 5)]
        return cls([WeekdayRows(weekday, _filled(weekday, own[weekday])) for weekday in range(7)])

    def parse(self) -> tuple[Weekly, ...] | None:
        """Return the typed hours; None with the errors beside the weekdays."""
        found = [period for day in self.days for period in day.parse()]
        return None if any(day.error for day in self.days) else tuple(found)

    def refuse(self, error: DomainError) -> None:
        """Show a refusal above the form."""
        self.form_errors.append(sentence_of(error))

    @property
    def errors(self) -> list[tuple[str | None, str]]:
        """Field id and sentence of each error, for the summary above the form."""
        own = [
            (day.error_id, _("%(weekday)s: %(sentence)s", weekday=day.name, sentence=day.error))
            for day in self.days
            if day.error
        ]
        return [*own, *((None, sentence) for sentence in self.form_errors)]


def _filled(weekday: int, rows: list[Row]) -> list[Row]:
    """Return the rows with at least one empty one, and PERIODS in all."""
    count = max(PERIODS, len(rows) + 1)
    return [*rows, *(Row(f"{weekday}-{number}") for number in range(len(rows), count))]


def _row(key: str, period: Period) -> Row:
    since, until = period.valid_from, period.valid_until
    return Row(
        key,
        clock_text(period.starts),
        clock_text(period.ends),
        since.isoformat() if since else "",
        until.isoformat() if until else "",
    )


def _typed(weekday: int) -> list[Row]:
    rows = [
        Row(
            key,
            starts=_text(f"{key}-starts"),
            ends=_text(f"{key}-ends"),
            since=_text(f"{key}-since"),
            until=_text(f"{key}-until"),
        )
        for key in (f"{weekday}-{number}" for number in range(MOST))
    ]
    typed_rows = [row for row in rows if not row.is_empty]
    for number, row in enumerate(typed_rows):
        row.key = f"{weekday}-{number}"
    return typed_rows


def _copied(rows: list[Row], weekday: int) -> list[Row]:
    return [
        Row(f"{weekday}-{number}", row.starts, row.ends, row.since, row.until)
        for number, row in enumerate(rows)
    ]


def _text(name: str) -> str:
    return request.form.get(f"hours-{name}", "").strip()[:20]


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise BadHours(_("Enter dates such as 2026-11-23.")) from None
    if not EARLIEST <= day <= LATEST:
        raise BadHours(_("Enter dates between 1900 and 2200."))
    return day
