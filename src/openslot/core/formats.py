"""How dates, times, lengths, lists and phone numbers read in a language.

Babel's data decides the order of words and the marks between them. Instants are aware
datetimes and are shown in the zone that the caller names; a naive one is a TypeError,
because guessing its zone would show a wrong hour without anybody noticing.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import phonenumbers
from babel import Locale, dates, lists, numbers, units
from markupsafe import escape

from openslot.core import clock
from openslot.core.births import BirthDate
from openslot.core.language import Language

Zone = ZoneInfo | str
Day = date | datetime

NO_BREAK_SPACE = "\u00a0"
DAYS_COUNTED_SINGLY = 60
PARTS = {"weekday": "ccc", "weekday_long": "cccc", "day": "d", "month": "LLL"}


def day_long(
    language: Language, when: Day, zone: Zone | None = None, *, year: bool | None = None
) -> str:
    """The day in full: "Monday 23 November", in ``zone`` when it is an instant.

    ``year`` writes or omits the year; left as None it stands when it is not this year.
    """
    day = _day(when, zone)
    skeleton = "yMMMMEEEEd" if _with_year(year, zone, day) else "MMMMEEEEd"
    return _write(language, day, _long(_skeleton(language.locale, skeleton)))


def day_short(
    language: Language, when: Day, zone: Zone | None = None, *, year: bool | None = None
) -> str:
    """The day in little room: "Mon 23 Nov"; ``year`` as in `day_long`."""
    day = _day(when, zone)
    skeleton = "yMMMEd" if _with_year(year, zone, day) else "MMMEd"
    return _write(language, day, _skeleton(language.locale, skeleton))


def day_month(language: Language, when: Day, zone: Zone | None = None) -> str:
    """Day and month without a weekday, for use right beside one: "23 Nov"."""
    return _write(language, _day(when, zone), _skeleton(language.locale, "MMMd"))


def day_part(
    language: Language,
    when: Day,
    part: Literal["weekday", "weekday_long", "day", "month"],
    zone: Zone | None = None,
) -> str:
    """One piece of a day that stands alone, as in a date tile: "Mon", "Monday", "23", "Nov"."""
    return _write(language, _day(when, zone), PARTS[part])


def clock_time(language: Language, when: datetime, zone: Zone) -> str:
    """The time of day, "10:30 am", which never breaks over two lines.

    A time that occurs twice, as the clock goes back, is written with its offset.
    """
    local = _local(when, zone)
    written = _short_time(language.locale, local.time())
    if _occurs_twice(local):
        written = f"{written} ({offset(when, zone)})"
    return _unbroken(written)


def distance(language: Language, kilometres: float) -> str:
    """Return how far something is: "850 m" would say more than is known, so "0.9 km", "12 km"."""
    pattern = "0.0" if kilometres < 10 else "#,##0"
    return _unbroken(
        units.format_unit(
            kilometres, "length-kilometer", "short", format=pattern, locale=language.locale
        )
    )


def day_time(
    language: Language, when: datetime, zone: Zone, *, year: bool | None = None, short: bool = False
) -> str:
    """Day and time: "Monday 23 November, 10:30 am", or short "Mon 23 Nov, 10:30 am"."""
    day = (day_short if short else day_long)(language, when, zone, year=year)
    frame = str(dates.get_datetime_format("medium", locale=language.locale)).replace("'", "")
    return frame.replace("{0}", clock_time(language, when, zone)).replace("{1}", day)


def time_range(language: Language, start: datetime, end: datetime, zone: Zone) -> str:
    """Return from and to, "10:30 – 11:00 am", which never breaks over two lines."""
    first, last = _local(start, zone), _local(end, zone)
    locale = language.locale
    if first.date() != last.date() or _occurs_twice(first) or _occurs_twice(last):
        # Babel compares the hours alone, and would write one of two equal ones.
        frame = str(locale.interval_formats[None])
        return _unbroken(
            frame.format(clock_time(language, first, zone), clock_time(language, last, zone))
        )
    skeleton = "hm" if "a" in str(locale.time_formats["short"].pattern) else "Hm"
    return _unbroken(dates.format_interval(first, last, skeleton, _zone(zone), locale=locale))


def date_range(
    language: Language, start: Day, end: Day, zone: Zone | None = None, *, year: bool | None = None
) -> str:
    """Return first and last day, "23–29 Nov"; ``year`` as in `day_long`."""
    first, last = _day(start, zone), _day(end, zone)
    skeleton = "yMMMd" if _with_year(year, zone, first, last) else "MMMd"
    return dates.format_interval(first, last, skeleton, locale=language.locale)


def zone_city(language: Language, zone: Zone) -> str:
    """The zone by the city it is known for: "Sydney time"."""
    city = _city(language, zone)
    if "/" not in _key(zone) or _key(zone).startswith("Etc/"):
        return city
    return language.gettext("%(city)s time", city=city)


def zone_difference(
    language: Language, reader_zone: Zone, centre_zone: Zone, at: datetime
) -> str | None:
    """How far the reader's clock is from the centre's at an instant, in a sentence.

    "Your own clock, in Adelaide, is 30 minutes behind." None when both show the same.
    """
    gap = _offset(at, reader_zone) - _offset(at, centre_zone)
    if not gap:
        return None
    words = {
        "city": _city(language, reader_zone),
        "length": duration(language, abs(gap) // timedelta(minutes=1)),
    }
    if gap < timedelta():
        return language.gettext("Your own clock, in %(city)s, is %(length)s behind.", **words)
    return language.gettext("Your own clock, in %(city)s, is %(length)s ahead.", **words)


def offset(when: datetime, zone: Zone) -> str:
    """The distance from UTC at that instant: "UTC+11:00".

    Written here, since Babel 2.18 makes UTC-04:30 of St John's UTC-03:30.
    """
    gap = _offset(when, zone)
    hours, minutes = divmod(abs(gap) // timedelta(minutes=1), 60)
    return f"UTC{'-' if gap < timedelta() else '+'}{hours:02}:{minutes:02}"


def relative_day(
    language: Language, when: Day, zone: Zone | None = None, *, now: datetime | None = None
) -> str:
    """How many calendar days away, to stand beside the date: "today", "in 2 days".

    Up to 60 days are counted singly; further away it is months or years.
    """
    day = _day(when, zone)
    distance = day - _today(zone, now)
    named = {
        -1: language.gettext("yesterday"),
        0: language.gettext("today"),
        1: language.gettext("tomorrow"),
    }
    if distance.days in named:
        return named[distance.days]
    exact = abs(distance.days) <= DAYS_COUNTED_SINGLY
    return dates.format_timedelta(
        distance,
        granularity="day" if exact else "month",
        threshold=float("inf") if exact else 1,
        add_direction=True,
        locale=language.locale,
    )


def born(language: Language, birth: BirthDate) -> str:
    """A date of birth, with the month in letters and always the year: "31 March 1980"; or what is
    known of it: "March 1980", "1980"."""
    if len(birth) == 4:
        return str(birth)
    if len(birth) == 7:
        return dates.format_skeleton("yMMMM", birth.first, locale=language.locale)
    return dates.format_date(birth.first, "long", locale=language.locale)


def age(language: Language, birth: BirthDate, today: date) -> str:
    """How old somebody is: "46 years", or "7 months" under two years; at most, where only the year
    or month of birth is known."""
    born_on = birth.first
    months = (today.year - born_on.year) * 12 + today.month - born_on.month
    months -= today.day < born_on.day
    counted, unit = (months, "month") if months < 24 else (months // 12, "year")
    return _unbroken(units.format_unit(counted, f"duration-{unit}", locale=language.locale))


def duration(language: Language, minutes: int, *, short: bool = False) -> str:
    """A length of time: "1 hour 30 minutes", or short "1 h 30 min".

    The units come from the catalogue, since Babel lacks the long ones of several languages.
    """
    hours, rest = divmod(minutes, 60)
    if not hours:
        return _minutes(language, rest, short)
    if not rest:
        return _hours(language, hours, short)
    words = {"hours": _hours(language, hours, short), "minutes": _minutes(language, rest, short)}
    return language.gettext("%(hours)s %(minutes)s", **words)


def phone(number: str, region: str = "AU") -> str:
    """A phone number as it is dialled in ``region``, with the country code if it is foreign.

    What is no number in use anywhere comes back as it was typed.
    """
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return number
    if not phonenumbers.is_valid_number(parsed):
        return number
    at_home = phonenumbers.country_code_for_region(region) == parsed.country_code
    style = phonenumbers.PhoneNumberFormat
    return phonenumbers.format_number(parsed, style.NATIONAL if at_home else style.INTERNATIONAL)


def listing(
    language: Language, items: Iterable[str], style: Literal["standard", "or"] = "standard"
) -> str:
    """Things in a row: "English, Tamil and Hindi". Markup among them stays markup."""
    given = list(items)
    if any(hasattr(item, "__html__") for item in given):
        frame = lists.format_list(["%s"] * len(given), style, locale=language.locale)
        return escape(frame) % tuple(given)
    return lists.format_list(given, style, locale=language.locale)


def number(language: Language, value: int | float | Decimal, digits: int | None = None) -> str:
    """A figure in the reader's notation, with exactly ``digits`` decimals if given."""
    pattern = None if digits is None else "#,##0" + ("." + "0" * digits if digits else "")
    return numbers.format_decimal(value, format=pattern, locale=language.locale)


def _local(when: datetime, zone: Zone | None) -> datetime:
    if not isinstance(when, datetime) or when.tzinfo is None:
        raise TypeError("An aware datetime is needed: the zone of a naive one would be a guess.")
    if zone is None:
        raise TypeError("A zone is needed: an instant has no day or hour of its own.")
    return when.astimezone(_zone(zone))


def _occurs_twice(local: datetime) -> bool:
    return local.utcoffset() != local.replace(fold=not local.fold).utcoffset()


def _day(when: Day, zone: Zone | None) -> date:
    return _local(when, zone).date() if isinstance(when, datetime) else when


def _today(zone: Zone | None, now: datetime | None = None) -> date:
    return _local(now or clock.now(), zone or "UTC").date()


def _with_year(wanted: bool | None, zone: Zone | None, *days: date) -> bool:
    if wanted is not None:
        return wanted
    this_year = _today(zone).year
    return any(day.year != this_year for day in days)


def _zone(zone: Zone) -> ZoneInfo:
    return zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone)


def _key(zone: Zone) -> str:
    return _zone(zone).key


def _city(language: Language, zone: Zone) -> str:
    return dates.get_timezone_location(_zone(zone), locale=language.locale, return_city=True)


def _offset(when: datetime, zone: Zone) -> timedelta:
    return _local(when, zone).utcoffset() or timedelta()


def _hours(language: Language, count: int, short: bool) -> str:
    if short:
        return language.gettext("%(num)s h", num=count)
    return language.ngettext("%(num)s hour", "%(num)s hours", count)


def _minutes(language: Language, count: int, short: bool) -> str:
    if short:
        return language.gettext("%(num)s min", num=count)
    return language.ngettext("%(num)s minute", "%(num)s minutes", count)


def _write(language: Language, day: date, pattern: str) -> str:
    return _written(language.locale, day, pattern)


@lru_cache(maxsize=4096)
def _written(locale: Locale, day: date, pattern: str) -> str:
    return dates.format_date(day, pattern, locale=locale)


@lru_cache(maxsize=4096)
def _short_time(locale: Locale, local: time) -> str:
    return dates.format_time(local, "short", locale=locale)


def _unbroken(written: str) -> str:
    return re.sub(r"\s", NO_BREAK_SPACE, written)


@lru_cache
def _skeleton(locale: Locale, skeleton: str) -> str:
    """The locale's nearest pattern for a set of fields.

    Some English locales put a comma after the weekday in one pattern and none in the next;
    here none of those that write the day first has it, so that all pages read alike.
    """
    known = locale.datetime_skeletons
    found = skeleton if skeleton in known else dates.match_skeleton(skeleton, known)
    pattern = str(known[found or "yMMMEd"].pattern)
    return re.sub(r"^(E+), (?=d)", r"\1 ", pattern) if locale.language == "en" else pattern


def _long(pattern: str) -> str:
    """The pattern with weekday and month in full, as CLDR asks where it has only the short."""
    widths = {"E": "EEEE", "M": "MMMM", "L": "LLLL"}
    return re.sub(
        r"'[^']*'|E+|M{3,}|L{3,}", lambda found: widths.get(found[0][0], found[0]), pattern
    )
