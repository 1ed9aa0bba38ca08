"""Date-of-birth field that accepts dates as people write them.

It is a single text field for three reasons. A date picker starts at today and has to be turned back
by decades, differently in every browser. Three small fields need three labels and break password
managers and pasting. And with text, the month can be a word, so that day and month are not mixed
up.
"""

import re
import unicodedata
from datetime import date

from babel import Locale
from flask_babel import get_locale
from flask_babel import gettext as _
from wtforms import StringField

from openslot.core.births import UNREADABLE, BirthDate
from openslot.core.language import settled
from openslot.entrypoints.web.formats import born

EARLIEST_YEAR = 1000
LONGEST = 60
_ABOUT = re.compile(r"\b(about|approximately|around|born|ca?|circa|in)\b\.?|[~±?]")
"""Words for a date that is not sure."""
ENGLISH = Locale("en")


class BirthField(StringField):  # type: ignore[misc] # the library carries no types
    """Text field whose ``data`` is a BirthDate, None if empty, or UNREADABLE."""

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return str(born(self.data)) if isinstance(self.data, BirthDate) else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Parse the typed text."""
        if valuelist:
            typed = valuelist[0].strip()
            self.data = (read_birth(typed, _locale()) or UNREADABLE) if typed else None


def example() -> str:
    """Return the hint for the field, in the date order of the reader's locale."""
    text = "31 3 1980" if _day_first(_locale()) else "3 31 1980"
    return str(_("For example, %(date)s", date=text))


def read_birth(text: str, locale: Locale) -> BirthDate | None:
    """Parse a day as :func:`read_day` does, or what is known of it: 1980, about 1980, March 1980,
    3/1980. Return None for anything else."""
    day = read_day(text, locale)
    if day is not None:
        return BirthDate(day)
    plain = _ABOUT.sub("", unicodedata.normalize("NFKC", text[:LONGEST]).casefold())
    numbers = re.findall(r"\d+", plain)
    years = [number for number in numbers if len(number) == 4]
    months = _months(plain, [number for number in numbers if len(number) < 3], locale)
    if len(years) != 1 or len(months) > 1 or None in months:
        return None
    return BirthDate("-".join([*years, *(f"{month:02}" for month in months)]))


def _months(text: str, numbers: list[str], locale: Locale) -> list[int | None]:
    """Return the months that a text names or counts; None for what is neither."""
    named = [_month(word.rstrip("."), locale) for word in re.findall(r"[^\W\d_]+\.?", text)]
    counted = [int(number) if 1 <= int(number) <= 12 else None for number in numbers]
    return [*named, *counted]


def read_day(text: str, locale: Locale) -> date | None:
    """Parse 31 3 1980, 31/3/1980, 31 March 1980, March 31st, 1980 or 1980-03-31.

    The locale decides which of two small numbers is the day, unless only one can be. The year needs
    four digits. Return None for anything else.
    """
    if len(text) > LONGEST:
        return None
    plain = unicodedata.normalize("NFKC", text).casefold()
    parts = re.findall(r"\d+|[^\W\d_]+\.?", re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", plain))
    numbers = [part for part in parts if part[0].isdigit()]
    words = [part.rstrip(".") for part in parts if not part[0].isdigit()]
    if any(len(number) > 4 for number in numbers):
        return None
    return _from_words(numbers, words, locale) if words else _from_numbers(numbers, locale)


def _from_numbers(numbers: list[str], locale: Locale) -> date | None:
    if len(numbers) != 3:
        return None
    if len(numbers[0]) == 4:
        return _date(numbers[0], int(numbers[1]), int(numbers[2]))
    first, second = int(numbers[0]), int(numbers[1])
    day, month = (first, second) if _day_first(locale) else (second, first)
    return _date(numbers[2], month, day) or _date(numbers[2], day, month)


def _from_words(numbers: list[str], words: list[str], locale: Locale) -> date | None:
    months = {month for word in words if (month := _month(word, locale))}
    years = [number for number in numbers if len(number) == 4]
    days = [number for number in numbers if len(number) < 3]
    if (len(months), len(years), len(days)) != (1, 1, 1):
        return None
    return _date(years[0], months.pop(), int(days[0]))


def _month(word: str, locale: Locale) -> int | None:
    """Return the number of the month with this name, or with a unique name that starts like it."""
    names = [name for language in (locale, ENGLISH) for name in _month_names(language)]
    fitting = {number for number, name in names if name == word}
    if not fitting and len(word) >= 3:
        fitting = {number for number, name in names if name.startswith(word)}
    return fitting.pop() if len(fitting) == 1 else None


def _month_names(locale: Locale) -> list[tuple[int, str]]:
    return [
        (number, name.casefold().rstrip("."))
        for use in locale.months.values()
        for width in ("wide", "abbreviated")
        for number, name in use.get(width, {}).items()
    ]


def _date(year: str, month: int, day: int) -> date | None:
    try:
        return date(int(year), month, day) if int(year) >= EARLIEST_YEAR else None
    except ValueError:
        return None


def _day_first(locale: Locale) -> bool:
    pattern = str(locale.date_formats["short"].pattern)
    return pattern.index("d") < pattern.index("M")


def _locale() -> Locale:
    return settled(get_locale())
