"""Reports in words: question, answer, table and chart."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from flask_babel import format_percent, ngettext
from flask_babel import gettext as _

from openslot.entrypoints.web.charts import Bar, Picture, lying, upright
from openslot.entrypoints.web.formats import day_month, day_short, number
from openslot.reports.answers import Answers
from openslot.reports.figures import Key, Wait, WaitKey
from openslot.reports.rules import SERVICES, Group

Cell = str | int | float | date | None
"""A float is a share of one; None means that there is no value."""

MOST_BARS = 12


class Kind(StrEnum):
    """Reports, in the order of the page."""

    BOOKINGS = "bookings"
    UTILISATION = "utilisation"
    NO_SHOWS = "no-shows"
    LEAD_TIME = "lead-time"
    WAITING = "waiting"


class Drawing(NamedTuple):
    """Chart, if there is anything to draw, and the number of bars left to the table."""

    picture: Picture | None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """Question with its answer; no rows means no data.

    ``before`` compares with the period before. ``keys`` are those of the rows, where they have one.
    """

    kind: Kind
    heading: str
    answer: str
    hint: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    drawing: Drawing
    legend: Sequence[str] = ()
    before: str = ""
    keys: Sequence[Key] = ()


def reports(found: Answers) -> list[Report]:
    """Return all reports, in the reader's language."""
    return [write(found) for write in WRITERS.values()]


def report(kind: Kind, found: Answers) -> Report:
    """Return one report."""
    return WRITERS[kind](found)


def kind_name(kind: str, profession: str) -> str:
    """Return the name of a profession, or of department services."""
    return str(_("Department services")) if kind == SERVICES else profession


def cell_text(cell: Cell) -> str:
    """Format a cell for the page."""
    if cell is None:
        return "–"
    if isinstance(cell, date):
        return day_short(cell)
    if isinstance(cell, float):
        return _percent(cell)
    return number(cell) if isinstance(cell, int) else cell


def cell_value(cell: Cell) -> str:
    """Format a cell for files."""
    if cell is None:
        return ""
    if isinstance(cell, date):
        return cell.isoformat()
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


# The five reports


def _bookings(answers: Answers) -> Report:
    total = answers.tallies.total
    rows = [(key, tally) for key, tally in answers.tallies.rows.items()]
    weeks = answers.question.period.days / 7
    average = total.appointments / weeks
    words = {
        "appointments": ngettext(
            "%(count)s appointment",
            "%(count)s appointments",
            total.appointments,
            count=number(total.appointments),
        ),
        "average": number(average, 0 if average >= 10 else 1),
        "cancelled": number(total.cancelled),
    }
    return Report(
        kind=Kind.BOOKINGS,
        heading=_("How many appointments are booked?"),
        answer=_(
            "%(appointments)s, %(average)s a week on average; %(cancelled)s more were cancelled.",
            **words,
        )
        if total.cancelled
        else _("%(appointments)s, %(average)s a week on average; none were cancelled.", **words),
        hint=_(
            "Counted in the week of the appointment. Appointments entered in error are not counted."
        ),
        columns=[_group_heading(answers), _("Appointments"), _("Cancelled")],
        rows=_rows_if_any(
            total.appointments + total.cancelled,
            ([_cell(key, answers), tally.appointments, tally.cancelled] for key, tally in rows),
        ),
        legend=[_("Appointments"), _("Cancelled")],
        before=_more_or_fewer(total.appointments, answers),
        keys=list(answers.tallies.rows),
        drawing=_drawn(
            answers,
            [
                Bar(
                    _label(key, answers),
                    tally.appointments,
                    tally.appointments + tally.cancelled,
                    number(tally.appointments),
                    key,
                )
                for key, tally in rows
            ],
            _whole,
        ),
    )


def _utilisation(answers: Answers) -> Report:
    total = answers.uses.total
    rows = [(key, use) for key, use in answers.uses.rows.items()]
    return Report(
        kind=Kind.UTILISATION,
        heading=_("How much of the open time is booked?"),
        answer=_(
            "%(share)s of %(hours)s.",
            share=_percent(total.share or 0),
            hours=ngettext(
                "%(count)s open hour",
                "%(count)s open hours",
                total.open // 60,
                count=number(total.open // 60),
            ),
        ),
        hint=_(
            "Open time is the current weekly hours, without public holidays, "
            "closures, leave and time kept free. A practitioner who is open at two "
            "centres at once counts at each, and once in the total."
        ),
        columns=[_group_heading(answers), _("Open minutes"), _("Booked minutes"), _("Booked")],
        rows=_rows_if_any(
            total.open,
            ([_cell(key, answers), use.open, use.booked, use.share] for key, use in rows),
        ),
        before=_share_before(answers.use_before.share, answers),
        keys=list(answers.uses.rows),
        drawing=_drawn(
            answers, [_share_bar(key, use.share, answers) for key, use in rows], _hundredths
        ),
    )


def _no_shows(answers: Answers) -> Report:
    total = answers.tallies.total
    rows = [(key, tally) for key, tally in answers.tallies.rows.items()]
    return Report(
        kind=Kind.NO_SHOWS,
        heading=_("How many appointments are missed?"),
        answer=_(
            "%(share)s: patients missed %(missed)s of %(due)s.",
            share=_percent(total.missed_share or 0),
            missed=number(total.missed),
            due=ngettext(
                "%(count)s appointment",
                "%(count)s appointments",
                total.due,
                count=number(total.due),
            ),
        ),
        hint=_("Of the appointments that were due. Cancelled appointments are not counted."),
        columns=[_group_heading(answers), _("Appointments due"), _("No-shows"), _("Missed")],
        rows=_rows_if_any(
            total.due,
            (
                [_cell(key, answers), tally.due, tally.missed, tally.missed_share]
                for key, tally in rows
            ),
        ),
        before=_share_before(answers.tally_before.missed_share, answers),
        keys=list(answers.tallies.rows),
        drawing=_drawn(
            answers,
            [_share_bar(key, tally.missed_share, answers) for key, tally in rows],
            _hundredths,
        ),
    )


def _lead_time(answers: Answers) -> Report:
    total = answers.tallies.total
    rows = [
        (key, tally.lead(0.5), tally.lead(0.9), len(tally.leads))
        for key, tally in answers.tallies.rows.items()
    ]
    return Report(
        kind=Kind.LEAD_TIME,
        heading=_("How long before an appointment is it booked?"),
        answer=_(
            "Half are booked %(median)s or less ahead, nine in ten %(most)s or less.",
            median=_days(total.lead(0.5) or 0),
            most=_days(total.lead(0.9) or 0),
        ),
        hint=_("In days between booking and appointment. Cancelled appointments are not counted."),
        columns=[
            _group_heading(answers),
            _("Appointments"),
            _("Half within (days)"),
            _("Nine in ten within (days)"),
        ],
        rows=_rows_if_any(
            len(total.leads),
            ([_cell(key, answers), count, median, most] for key, median, most, count in rows),
        ),
        legend=[_("Half of the appointments"), _("Nine in ten")],
        before=_leads_before(answers),
        keys=list(answers.tallies.rows),
        drawing=_drawn(
            answers,
            [
                Bar(
                    _label(key, answers), median, most, "" if median is None else _days(median), key
                )
                for key, median, most, _count in rows
            ],
            _whole,
        ),
    )


def _waiting(answers: Answers) -> Report:
    total, own = answers.waits.total, answers.question.scope.practitioner_id is not None
    rows = sorted(answers.waits.rows.items(), key=lambda row: _wait_labels(row[0], answers))
    words = {"first": _in_days(total.first), "typical": _in_days(total.typical)}
    return Report(
        kind=Kind.WAITING,
        heading=_("How soon can patients be seen?"),
        answer=_("Your third free time is %(first)s.", **words)
        if own
        else _("Typically %(typical)s. At the earliest %(first)s.", **words),
        hint=_(
            "In days from today to the third free time. The first is often a gap left "
            "by a cancellation."
        ),
        columns=[
            _("Profession"),
            _("Centre"),
            _("Bookable"),
            _("Shortest wait (days)"),
            _("Typical wait (days)"),
        ],
        rows=_rows_if_any(
            total.schedules,
            (
                [*_wait_labels(key, answers), wait.schedules, wait.first, wait.typical]
                for key, wait in rows
            ),
        ),
        legend=[] if own else [_("Shortest wait"), _("Typical wait")],
        drawing=_lying([_wait_bar(key, wait, answers) for key, wait in rows]),
    )


WRITERS: dict[Kind, Callable[[Answers], Report]] = {
    Kind.BOOKINGS: _bookings,
    Kind.UTILISATION: _utilisation,
    Kind.NO_SHOWS: _no_shows,
    Kind.LEAD_TIME: _lead_time,
    Kind.WAITING: _waiting,
}


# The period before


def _before(answers: Answers) -> str:
    """Return the words for the period before, which sentences end with."""
    days = answers.question.period.days
    if days % 7:
        return str(ngettext("on the day before", "in the %(num)s days before", days))
    return str(ngettext("in the week before", "in the %(num)s weeks before", days // 7))


def _more_or_fewer(count: int, answers: Answers) -> str:
    difference = count - answers.tally_before.appointments
    words = {"count": number(abs(difference)), "before": _before(answers)}
    if difference > 0:
        return str(_("%(count)s more than %(before)s.", **words))
    if difference < 0:
        return str(_("%(count)s fewer than %(before)s.", **words))
    return str(_("As many as %(before)s.", **words))


def _share_before(share: float | None, answers: Answers) -> str:
    if share is None:
        return ""
    return str(_("It was %(share)s %(before)s.", share=_percent(share), before=_before(answers)))


def _leads_before(answers: Answers) -> str:
    median, most = answers.tally_before.lead(0.5), answers.tally_before.lead(0.9)
    if median is None or most is None:
        return ""
    words = {"median": _days(median), "most": _days(most), "before": _before(answers)}
    return str(_("It was %(median)s and %(most)s %(before)s.", **words))


# Tables


def _rows_if_any(count: int, rows: Iterator[list[Cell]]) -> list[list[Cell]]:
    """Return the rows, or none if the total is zero."""
    return list(rows) if count else []


def _group_heading(answers: Answers) -> str:
    titles = {
        Group.WEEK: _("Week from"),
        Group.CENTRE: _("Centre"),
        Group.PROFESSION: _("Profession"),
    }
    return str(titles[answers.question.group])


def _cell(key: Key, answers: Answers) -> Cell:
    return key if isinstance(key, date) else _label(key, answers)


def _label(key: Key, answers: Answers) -> str:
    if isinstance(key, date):
        return day_month(key)
    return kind_name(key, answers.kinds[key]) if isinstance(key, str) else answers.centres[key]


def _wait_labels(key: WaitKey, answers: Answers) -> tuple[str, str]:
    kind, centre_id = key
    return (
        str(_("All")) if kind is None else kind_name(kind, answers.kinds[kind]),
        str(_("All")) if centre_id is None else answers.centres[centre_id],
    )


# Charts


def _drawn(answers: Answers, bars: list[Bar], scale: Callable[[int], str]) -> Drawing:
    """Return vertical bars for weeks, horizontal ones otherwise."""
    if answers.question.group is not Group.WEEK:
        return _lying(bars)
    return Drawing(upright(bars, scale) if _is_drawable(bars) else None)


def _lying(bars: list[Bar]) -> Drawing:
    """Return the longest bars."""
    longest = sorted(bars, key=lambda bar: -bar.reach)[:MOST_BARS]
    return Drawing(lying(longest) if _is_drawable(bars) else None, len(bars) - len(longest))


def _is_drawable(bars: list[Bar]) -> bool:
    return any(bar.reach for bar in bars)


def _share_bar(key: Key, share: float | None, answers: Answers) -> Bar:
    text = "–" if share is None else _percent(share)
    return Bar(_label(key, answers), None if share is None else 100 * share, text=text, key=key)


def _wait_bar(key: WaitKey, wait: Wait, answers: Answers) -> Bar:
    kind, centre = _wait_labels(key, answers)
    only_centre = answers.question.scope.practitioner_id is not None
    parts = ([] if only_centre or key[0] is None else [kind]) + (
        [] if key[1] is None or (len(answers.centres) == 1 and not only_centre) else [centre]
    )
    text = _days(wait.typical) if wait.typical is not None else str(_("no free time"))
    return Bar(", ".join(parts), wait.first, wait.typical, text)


def _whole(value: int) -> str:
    return number(value)


def _hundredths(value: int) -> str:
    return str(format_percent(value / 100, "#,##0%"))


# Formatting


def _percent(share: float) -> str:
    return str(format_percent(share, "#,##0.0%"))


def _days(count: int) -> str:
    return str(ngettext("%(count)s day", "%(count)s days", count, count=number(count)))


def _in_days(count: int | None) -> str:
    if count is None:
        return str(_("later than can be booked"))
    if count < 2:
        return str(_("tomorrow") if count else _("today"))
    return str(ngettext("in %(count)s day", "in %(count)s days", count, count=number(count)))
