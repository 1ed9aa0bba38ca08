"""Formats of core/formats.py in the reader's language, also as template filters."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from flask import Flask
from flask_babel import get_locale

from openslot.core import formats
from openslot.core.emergency import country_of
from openslot.core.language import Language, language_of, settled
from openslot.entrypoints.web import context

Zone = formats.Zone
Day = formats.Day
P = ParamSpec("P")
R = TypeVar("R")


def _language() -> Language:
    return language_of(settled(get_locale()))


def _for_reader(write: Callable[Concatenate[Language, P], R]) -> Callable[P, R]:
    @wraps(write)
    def written(*args: P.args, **kwargs: P.kwargs) -> R:
        return write(_language(), *args, **kwargs)

    return written


day_long = _for_reader(formats.day_long)
day_short = _for_reader(formats.day_short)
day_month = _for_reader(formats.day_month)
day_part = _for_reader(formats.day_part)
day_time = _for_reader(formats.day_time)
clock_time = _for_reader(formats.clock_time)
time_range = _for_reader(formats.time_range)
date_range = _for_reader(formats.date_range)
zone_city = _for_reader(formats.zone_city)
zone_difference = _for_reader(formats.zone_difference)
relative_day = _for_reader(formats.relative_day)
born = _for_reader(formats.born)
age = _for_reader(formats.age)
duration = _for_reader(formats.duration)
distance = _for_reader(formats.distance)
listing = _for_reader(formats.listing)
number = _for_reader(formats.number)
offset = formats.offset


def phone(number: str, zone: ZoneInfo | str | None = None) -> str:
    """Return a phone number as it is dialled in the country of ``zone``, where it was entered; by
    default that of the network."""
    return formats.phone(number, country_of(context.settings(), zone))


FORMATS: tuple[Callable[..., str | None], ...] = (
    day_long,
    day_short,
    day_month,
    day_part,
    day_time,
    clock_time,
    time_range,
    date_range,
    zone_city,
    zone_difference,
    offset,
    relative_day,
    born,
    age,
    duration,
    distance,
    phone,
    listing,
    number,
)


def install(app: Flask) -> None:
    """Register every format as a template filter of the same name."""
    for function in FORMATS:
        app.add_template_filter(function)
