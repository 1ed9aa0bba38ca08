"""Hours in words: periods, and how they recur."""

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from itertools import groupby

from flask_babel import format_time, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from openslot.entrypoints.web import context
from openslot.entrypoints.web.formats import day_long, day_part
from openslot.schedules.availability import Weekly
from openslot.schedules.recurrence import Frequency, On, Rule, read

MONDAY = date(2024, 1, 1)

_WHICH: Mapping[int, object] = {
    1: _l("the first %(weekday)s"),
    2: _l("the second %(weekday)s"),
    3: _l("the third %(weekday)s"),
    4: _l("the fourth %(weekday)s"),
    5: _l("the fifth %(weekday)s"),
    -1: _l("the last %(weekday)s"),
    -2: _l("the second to last %(weekday)s"),
    -3: _l("the third to last %(weekday)s"),
    -4: _l("the fourth to last %(weekday)s"),
    -5: _l("the fifth to last %(weekday)s"),
}


def by_weekday(hours: Sequence[Weekly]) -> list[tuple[str, list[Weekly]]]:
    """Return the weekdays in words with the periods of each week, Monday first. Successive days of
    the same hours are one line: ``Monday to Friday``."""
    weekly = sorted(filter(_is_weekly, hours), key=lambda one: one.starts)
    of_day = [[one for one in weekly if one.weekday == day] for day in range(7)]
    lines = groupby(range(7), lambda day: [_as_shown(one) for one in of_day[day]])
    runs = [list(days) for _shown, days in lines]
    return [(_run(days[0], days[-1]), of_day[days[0]]) for days in runs]


def on_other_days(hours: Sequence[Weekly]) -> list[tuple[str, Weekly]]:
    """Return the periods that do not come each week and are not over, with their days in words."""
    today = context.now().date() - timedelta(days=1)
    coming = [
        one
        for one in hours
        if not _is_weekly(one) and (one.valid_until is None or one.valid_until >= today)
    ]
    coming.sort(key=lambda one: (one.rule is None, one.valid_from or date.min))
    return [(_days(one), one) for one in coming]


def period_text(period: Weekly) -> str:
    """Format a period: ``9:00 am to 5:00 pm``."""
    if (period.starts, period.ends) == (0, 24 * 60):
        return str(_("All day"))
    start, end = _clock(period.starts), _clock(period.ends % (24 * 60))
    return str(_("%(start)s to %(end)s", start=start, end=end))


def rule_words(rule: Rule) -> str:
    """Return a rule in words: ``Every 2 weeks on Tuesday``."""
    days = ", ".join(_on(on) for on in rule.on)
    if rule.frequency is Frequency.MONTHLY:
        every = ngettext("Every month", "Every %(num)s months", rule.interval)
    elif rule.frequency is Frequency.WEEKLY:
        every = ngettext("Every week", "Every %(num)s weeks", rule.interval)
    else:
        every = ngettext("Every day", "Every %(num)s days", rule.interval)
    words = str(_("%(every)s on %(days)s", every=every, days=days) if days else every)
    if rule.times is None:
        return words
    times = ngettext("once", "%(num)s times", rule.times)
    return str(_("%(words)s, %(times)s", words=words, times=times))


def _days(period: Weekly) -> str:
    first, last = period.valid_from, period.valid_until
    if period.rule is None:
        return day_long(first) if first else _weekday(period.weekday)
    words = rule_words(read(period.rule))
    if first and first > context.now().date():
        words = str(_("%(words)s, from %(day)s", words=words, day=day_long(first)))
    if last:
        words = str(_("%(words)s, until %(day)s", words=words, day=day_long(last)))
    return words


def _as_shown(period: Weekly) -> tuple[int, int, frozenset[int]]:
    return period.starts, period.ends, frozenset(period.services)


def _run(first: int, last: int) -> str:
    start, end = _weekday(first), _weekday(last)
    return start if first == last else str(_("%(start)s to %(end)s", start=start, end=end))


def _is_weekly(period: Weekly) -> bool:
    is_date = period.valid_from is not None and period.valid_from == period.valid_until
    return period.rule is None and not is_date


def _on(on: On) -> str:
    name = _weekday(on.weekday)
    return str(_WHICH[on.which]) % {"weekday": name} if on.which else name


def _weekday(weekday: int) -> str:
    return day_part(MONDAY + timedelta(days=weekday), "weekday_long")


def _clock(minutes: int) -> str:
    return str(format_time(time(minutes // 60, minutes % 60), "short", rebase=False))
