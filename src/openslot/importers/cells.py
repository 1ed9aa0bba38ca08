"""What spreadsheets make of times and numbers, read as it was meant."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import phonenumbers
from babel.core import get_global
from pydantic import AfterValidator, BeforeValidator

from openslot.core.fields import OptionalNumber, OptionalPhone, refuse
from openslot.directory.details import is_length
from openslot.directory.models import BookableBy, CentreType, Gender, Mode, RoomKind
from openslot.identity.passwords import LONGEST as LONGEST_PASSWORD
from openslot.importers.columns import squeezed
from openslot.schedules.errors import BadHours
from openslot.schedules.rules import read_clock

Period = tuple[int, int]
"""Start and end in minutes after midnight."""

_OTHER_MODES = {
    Mode.IN_PERSON: "face to face, on site",
    Mode.TELEPHONE: "phone, phone call, call",
    Mode.VIDEO: "video call, video consultation",
}
_OTHER_GENDERS = {Gender.FEMALE: "f, woman", Gender.MALE: "m, man", Gender.OTHER: "non-binary, x"}
_OTHER_BOOKERS = {
    BookableBy.PUBLIC: "anybody, anyone, everybody, everyone, patients",
    BookableBy.COLLEAGUES: "staff, staff only, care team",
}
_OTHER_ROOM_KINDS = {
    RoomKind.ROOM: "theatre, place",
    RoomKind.DEVICE: "machine, equipment, chair, bed, thing",
}


def _one_of(kinds: type[StrEnum], others: Mapping[Any, str]) -> BeforeValidator:
    """Return a validator for an enumeration that ignores case and spacing."""
    kinds_by_name: dict[str, StrEnum] = {squeezed(one.value): one for one in kinds}
    for kind, names in others.items():
        kinds_by_name |= {squeezed(name): kind for name in names.split(",")}
    sentence = f"Enter one of {', '.join(kinds)}."

    def read(value: str) -> StrEnum:
        kind = kinds_by_name.get(squeezed(value))
        if kind is None:
            raise refuse(sentence)
        return kind

    return BeforeValidator(read)


_DAY_OF_TIMES = re.compile(r"(1899-12-3[01]|1900-01-0[01]|3[01]/12/1899|0?[01]/0?1/1900)[T ]")
"""The day that spreadsheets put before a time if they write it as a date."""

_FRACTION = re.compile(r"0?[.,]\d+|\d[.,]?\d*E-0?\d", re.IGNORECASE)
MINUTES_A_DAY = 24 * 60
_ROUNDING = 0.1
"""Minutes that a part of a day with four digits may be off."""


def clock(value: str) -> int:
    """Return the minutes after midnight of a cell: 09:00, 9:00:00 AM, 0900 or, as a part of a
    day, 0.375. Raises BadHours."""
    text = _DAY_OF_TIMES.sub("", unicodedata.normalize("NFKC", value).strip(), count=1)
    if _FRACTION.fullmatch(text):
        exact = float(text.replace(",", ".")) * MINUTES_A_DAY
        minutes = round(exact / 5) * 5
        if abs(minutes - exact) > _ROUNDING or minutes > MINUTES_A_DAY:
            raise BadHours
        return minutes
    if text == "1":  # one o'clock, or a whole day of a spreadsheet
        raise BadHours
    return read_clock(text)


def _clock(value: str) -> int:
    try:
        return clock(value)
    except BadHours:
        raise refuse("Enter a time such as 09:00, in steps of 5 minutes.") from None


_UNTIL = re.compile(r"\s*(?:[-\N{HYPHEN}\N{NON-BREAKING HYPHEN}–—]|\bto\b|\buntil\b)\s*", re.I)
_BETWEEN = re.compile(r"\s*(?:[,;/&]|\band\b)\s*", re.IGNORECASE)


def _periods(value: str) -> tuple[Period, ...]:
    """Return the periods of ``09:00-12:30, 13:30-17:00``."""
    try:
        periods = [
            tuple(map(clock, _UNTIL.split(part))) for part in _BETWEEN.split(value.strip()) if part
        ]
    except BadHours:
        periods = []
    if not periods or any(len(period) != 2 for period in periods):
        raise refuse("Enter hours such as 09:00-17:30, in steps of 5 minutes.")
    return tuple((period[0], period[1]) for period in periods)


_AS_TEXT = re.compile(r"=\"(.*)\"|'(?=[+\d])(.*)")
"""How numbers are protected from spreadsheets: ``="0491"`` and ``'0491``."""


def _as_typed(value: object) -> object:
    """Return a number without what a spreadsheet or program has put around it."""
    if not isinstance(value, str):
        return value
    protected = _AS_TEXT.fullmatch(value)
    text = (protected[1] or protected[2] or "") if protected else value
    return re.sub(r"^(\d{4,})\.0$", r"\1", text)


def _password(value: str) -> str:
    if len(value) > LONGEST_PASSWORD:
        raise refuse("Shorten this to {longest} characters.", longest=LONGEST_PASSWORD)
    if not value.isprintable():
        raise refuse("Remove characters that cannot be seen, such as tabs.")
    return value


_WITH_UNIT = re.compile(r"(\d{1,7})(?:\.0)?\s*(?:m|mins?|minutes?|d|days?)?", re.IGNORECASE)


def _whole(value: object) -> object:
    """Return a number of minutes or days without its unit."""
    match = _WITH_UNIT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None and isinstance(value, str):
        raise refuse("Enter a whole number, for example 30.")
    return int(match[1]) if match else value


def _length(value: int) -> int:
    if not is_length(value):
        raise refuse("Enter a length from 5 to 480 minutes, in steps of 5.")
    return value


Password = Annotated[str, AfterValidator(_password)]
Whole = Annotated[int, BeforeValidator(_whole)]
Length = Annotated[Whole, AfterValidator(_length)]
HowItTakesPlace = Annotated[Mode, _one_of(Mode, _OTHER_MODES)]
GenderWord = Annotated[Gender, _one_of(Gender, _OTHER_GENDERS)]
Bookers = Annotated[BookableBy, _one_of(BookableBy, _OTHER_BOOKERS)]
Clock = Annotated[int | None, BeforeValidator(_clock)]
Periods = Annotated[tuple[Period, ...] | None, BeforeValidator(_periods)]
ResourceKind = Annotated[RoomKind, _one_of(RoomKind, _OTHER_ROOM_KINDS)]
CentreKind = Annotated[CentreType, _one_of(CentreType, {})]
Number = Annotated[OptionalNumber, BeforeValidator(_as_typed)]
Phone = Annotated[OptionalPhone, BeforeValidator(_as_typed)]


def with_first_zero(phone: str, zone: str) -> str | None:
    """Return a telephone number with the first zero that it has lost, or None if it is whole.

    That is known where numbers of the country of the time zone are dialled with a zero.
    """
    region = get_global("zone_territories").get(zone)
    if region is None or not re.fullmatch("[1-9][0-9]{5,}", phone, re.ASCII):
        return None
    try:
        number = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number_for_region(number, region):
        return None
    dialled = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    digits = re.sub(r"\D", "", dialled)
    return digits if digits == f"0{phone}" else None


def shorter_by_a_zero(numbers: Iterable[str]) -> set[str]:
    """Return the numbers that may have lost a first zero.

    They have one digit fewer than all those of the column that begin with one.
    """
    digits = {number for number in numbers if number.isascii() and number.isdecimal()}
    lengths = {len(number) for number in digits if number.startswith("0")}
    if len(lengths) != 1:
        return set()
    short = lengths.pop() - 1
    return {number for number in digits if len(number) == short}
