"""Editor of hours, weekly and on other days: plain fields that work without scripts."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Protocol

from flask import request
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from openslot.core.errors import DomainError
from openslot.core.language import settled
from openslot.entrypoints.problems import sentence_of
from openslot.entrypoints.web import context
from openslot.entrypoints.web.hours_words import rule_words
from openslot.entrypoints.web.reading import EARLIEST, LATEST
from openslot.schedules import queries
from openslot.schedules.availability import Weekly
from openslot.schedules.errors import BadHours, BadRule
from openslot.schedules.recurrence import Frequency, On, Rule, days_in, read
from openslot.schedules.rules import check_hours, clock_text, read_clock

PERIODS = 3
"""Fewest periods offered for each weekday; existing ones are always shown."""

MOST = 24
MORE_OTHERS = 2
"""Fewest rows offered for other days."""

MOST_OTHERS = 60
TYPICAL = tuple(Weekly(weekday, 9 * 60, 17 * 60) for weekday in range(5))
"""Hours of a new schedule."""


Services = Sequence[tuple[int, str]]
"""Services that a schedule offers: their ids and names."""


class Period(Protocol):
    """Period of the database or of the rules."""

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

    @property
    def rule(self) -> str | None:
        """How the period recurs; None for every week."""

    @property
    def on_holidays(self) -> bool:
        """True if it is also for public holidays."""

    @property
    def services(self) -> tuple[int, ...]:
        """The services that it is for; none if it is for all."""


class Repeats(StrEnum):
    """How hours recur that do not come every week; all follow from one date."""

    ONCE = "once"
    TWO_WEEKS = "2"
    THREE_WEEKS = "3"
    FOUR_WEEKS = "4"
    MONTHLY = "month"
    MONTHLY_LAST = "month-last"
    KEPT = "rule"


REPEATS: Mapping[Repeats, object] = {
    Repeats.ONCE: _l("Only on this day"),
    Repeats.TWO_WEEKS: _l("Every 2 weeks"),
    Repeats.THREE_WEEKS: _l("Every 3 weeks"),
    Repeats.FOUR_WEEKS: _l("Every 4 weeks"),
    Repeats.MONTHLY: _l("Every month, on the same weekday (such as the first Monday)"),
    Repeats.MONTHLY_LAST: _l("Every month, on the last such weekday"),
}
"""The choices in words; KEPT is for rules of programs, which pages only keep."""


@dataclass
class Row:
    """One period as typed."""

    key: str
    starts: str = ""
    ends: str = ""
    since: str = ""
    until: str = ""
    on_holidays: bool = False
    services: tuple[int, ...] = ()
    is_wrong: bool = False

    @property
    def is_empty(self) -> bool:
        """True if nothing was typed."""
        return not (self.starts or self.ends or self.since or self.until)

    @property
    def is_special(self) -> bool:
        """True if the period is limited to certain dates or services, or is for public holidays
        too."""
        return bool(self.since or self.until or self.on_holidays or self.services)

    def weekly(self, weekday: int) -> Weekly:
        """Return the period; raise BadHours if it cannot be read."""
        since, until = _day(self.since), _day(self.until)
        starts, ends = read_clock(self.starts), read_clock(self.ends)
        return Weekly(weekday, starts, ends, since, until, None, self.on_holidays, self.services)


@dataclass
class OtherRow:
    """A period on other days, as typed: a date, and how it recurs from there on."""

    key: str
    day: str = ""
    repeats: Repeats = Repeats.ONCE
    starts: str = ""
    ends: str = ""
    until: str = ""
    on_holidays: bool = False
    rule: str = ""
    services: tuple[int, ...] = ()
    error: str | None = None

    @property
    def is_empty(self) -> bool:
        """True if nothing was typed, or the times of a kept rule were cleared."""
        return not (self.starts or self.ends or (self.day and self.repeats is not Repeats.KEPT))

    @property
    def words(self) -> str:
        """The rule of a program in words, or as it was sent if it is none."""
        try:
            return rule_words(read(self.rule))
        except BadRule:
            return self.rule

    def parse(self) -> list[Weekly]:
        """Return the period, none if the row is empty or wrong, which is then marked."""
        if self.is_empty:
            return []
        try:
            return list(check_hours([self._period()._replace(services=self.services)]))
        except DomainError as error:
            self.error = sentence_of(error)
            return []

    def _period(self) -> Weekly:
        day, until = _day(self.day), _day(self.until)
        starts, ends = read_clock(self.starts), read_clock(self.ends)
        if self.repeats is Repeats.KEPT:
            return Weekly(0, starts, ends, day, until, self.rule, self.on_holidays)
        if day is None:
            raise BadHours(_("Enter the date, or the first one."))
        if self.repeats is Repeats.ONCE:
            return Weekly(day.weekday(), starts, ends, day, day, None, self.on_holidays)
        if until is not None and until < day:
            raise BadHours(_("Enter a last day that is after the first."))
        return Weekly(0, starts, ends, day, until, str(self._rule(day)), self.on_holidays)

    def _rule(self, day: date) -> Rule:
        if self.repeats in (Repeats.MONTHLY, Repeats.MONTHLY_LAST):
            which = (day.day - 1) // 7 + 1
            # Not every month has a fifth one.
            is_last = self.repeats is Repeats.MONTHLY_LAST or which == 5
            return Rule(Frequency.MONTHLY, on=(On(day.weekday(), -1 if is_last else which),))
        return Rule(Frequency.WEEKLY, int(self.repeats), (On(day.weekday()),))


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
    """Form for the hours of a schedule; ``services`` are those that hours can be limited to."""

    days: list[WeekdayRows]
    others: list[OtherRow]
    services: Services = ()
    form_errors: list[str] = field(default_factory=list)

    @classmethod
    def showing(cls, hours: Iterable[Period], services: Services = ()) -> "HoursForm":
        """Return the form filled with these hours."""
        own: list[list[Row]] = [[] for _weekday in range(7)]
        others: list[OtherRow] = []
        for period in hours:
            if period.rule or _is_date(period):
                others.append(_other(f"o-{len(others)}", period))
                continue
            rows = own[period.weekday]
            rows.append(_row(f"{period.weekday}-{len(rows)}", period))
        return cls._of(own, others, services)

    @classmethod
    def typed(cls, services: Services = ()) -> "HoursForm":
        """Return the form filled from this request; Monday's hours are copied to all working days
        if requested."""
        own = [_typed(weekday) for weekday in range(7)]
        if request.form.get("copy") == "yes":
            own[1:5] = [_copied(own[0], weekday) for weekday in range(1, 5)]
        return cls._of(own, _typed_others(), services)

    @classmethod
    def _of(cls, own: list[list[Row]], others: list[OtherRow], services: Services) -> "HoursForm":
        days = [WeekdayRows(weekday, _filled(weekday, own[weekday])) for weekday in range(7)]
        count = max(MORE_OTHERS, len(others) + 1)
        empty = [OtherRow(f"o-{number}") for number in range(len(others), count)]
        return cls(days, [*others, *empty], services)

    @property
    def repeats(self) -> list[tuple[str, str]]:
        """The choices of how other hours recur."""
        return [(choice.value, str(words)) for choice, words in REPEATS.items()]

    @property
    def has_others(self) -> bool:
        """True if there are hours on other days, or something wrong was typed there."""
        return any(not row.is_empty for row in self.others)

    def parse(self) -> tuple[Weekly, ...] | None:
        """Return the typed hours; None with the errors beside the weekdays and dates."""
        found = [period for day in self.days for period in day.parse()]
        found += [period for row in self.others for period in row.parse()]
        wrong = any(day.error for day in self.days) or any(row.error for row in self.others)
        return None if wrong else tuple(found)

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
        own += [(f"hours-{row.key}-day", row.error) for row in self.others if row.error]
        return [*own, *((None, sentence) for sentence in self.form_errors)]


def services_here(schedule_id: int) -> Services:
    """Return the services that the hours of a schedule can be limited to, in order."""
    rows = queries.offered_by(context.reader(), schedule_id)
    return [(service.id, service.name) for _offered, service in rows]


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
        period.on_holidays,
        period.services,
    )


def _is_date(period: Period) -> bool:
    return period.valid_from is not None and period.valid_from == period.valid_until


def _other(key: str, period: Period) -> OtherRow:
    repeats, day = _repeats(period)
    until = period.valid_until
    return OtherRow(
        key,
        day.isoformat() if day else "",
        repeats,
        clock_text(period.starts),
        clock_text(period.ends),
        until.isoformat() if until and repeats is not Repeats.ONCE else "",
        period.on_holidays,
        period.rule or "",
        period.services,
    )


def _repeats(period: Period) -> tuple[Repeats, date | None]:
    """Return the choice that means the period, and the date that it begins with."""
    if period.rule is None:
        return Repeats.ONCE, period.valid_from
    rule, first = read(period.rule), period.valid_from
    since = first or context.now().date()
    year = [day for ahead in (0, 1) for day in days_in(period.rule, first, since.year + ahead)]
    day = next((day for day in year if day >= since), None)
    if rule.times is None and len(rule.on) == 1 and day is not None:
        if rule.frequency is Frequency.WEEKLY and 2 <= rule.interval <= 4:
            return Repeats(str(rule.interval)), day
        if rule.frequency is Frequency.MONTHLY and rule.interval == 1:
            which = rule.on[0].which
            if which == -1:
                return Repeats.MONTHLY_LAST, day
            if 1 <= which <= 4:
                return Repeats.MONTHLY, day
    return Repeats.KEPT, first


def _choice(text: str) -> Repeats:
    return Repeats(text) if text in set(Repeats) else Repeats.ONCE


def _typed_others() -> list[OtherRow]:
    rows = [
        OtherRow(
            key,
            _text(f"{key}-day"),
            _choice(_text(f"{key}-repeats")),
            _text(f"{key}-starts"),
            _text(f"{key}-ends"),
            _text(f"{key}-until"),
            bool(_text(f"{key}-holidays")),
            _text(f"{key}-rule", 200),
            _services(key),
        )
        for key in (f"o-{number}" for number in range(MOST_OTHERS))
    ]
    typed_rows = [row for row in rows if not row.is_empty]
    for number, row in enumerate(typed_rows):
        row.key = f"o-{number}"
    return typed_rows


def _typed(weekday: int) -> list[Row]:
    rows = [
        Row(
            key,
            starts=_text(f"{key}-starts"),
            ends=_text(f"{key}-ends"),
            since=_text(f"{key}-since"),
            until=_text(f"{key}-until"),
            on_holidays=bool(_text(f"{key}-holidays")),
            services=_services(key),
        )
        for key in (f"{weekday}-{number}" for number in range(MOST))
    ]
    typed_rows = [row for row in rows if not row.is_empty]
    for number, row in enumerate(typed_rows):
        row.key = f"{weekday}-{number}"
    return typed_rows


def _copied(rows: list[Row], weekday: int) -> list[Row]:
    return [replace(row, key=f"{weekday}-{number}") for number, row in enumerate(rows)]


def _services(key: str) -> tuple[int, ...]:
    chosen = request.form.getlist(f"hours-{key}-services")[:MOST]
    return tuple(sorted({int(one) for one in chosen if re.fullmatch(r"[0-9]{1,9}", one)}))


def _text(name: str, longest: int = 20) -> str:
    return request.form.get(f"hours-{name}", "").strip()[:longest]


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
