"""Typed values from the address or form; wrong ones raise Malformed, which names the parameter."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from flask import request
from pydantic_core import PydanticCustomError
from werkzeug.datastructures import MultiDict

from openslot.core.errors import Malformed
from openslot.core.fields import Prose, refused
from openslot.entrypoints.web import ways
from openslot.search.nearby import Spot

E = TypeVar("E", bound=StrEnum)
D = TypeVar("D")

LARGEST_NUMBER = 2**31 - 1
MOST_DIGITS = len(str(LARGEST_NUMBER))
LAST_PAGE = 1000
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)


def text(name: str, source: MultiDict[str, str] | None = None) -> str:
    """Return the trimmed value, or an empty string."""
    values = request.values if source is None else source
    return values.get(name, "").strip().replace("\x00", "")[:2000]


def typed(name: str) -> str:
    """Return the whole text, however long, as it is shown again."""
    return request.values.get(name, "").replace("\x00", "").replace("\r\n", "\n").strip()


def again(name: str, stored: object = "", *, of: str | None = None) -> str:
    """Return what was typed into a form that is shown again, else what is stored. ``of`` names the
    view that the form is sent to, if the page has another form with such a field."""
    return typed(name) if _is_shown_again(of) and name in request.form else str(stored)


def ticked(name: str, value: object, stored: bool = False, *, of: str | None = None) -> bool:
    """Return whether a box was ticked in a form that is shown again, else whether it is stored."""
    return str(value) in request.form.getlist(name) if _is_shown_again(of) else stored


def _is_shown_again(view: str | None) -> bool:
    return request.method == "POST" and view in (None, request.endpoint)


def long_text(name: str, longest: int) -> str | None:
    """Return the text as it is stored, or None if empty; raise Invalid for characters that cannot
    be seen, and if it is too long, because a text that is cut off is lost."""
    try:
        return Prose(longest, lines=True, optional=True).check(typed(name))
    except PydanticCustomError as refusal:
        raise refused(refusal, field=name) from None


def number(name: str, default: int) -> int:
    """Return a non-negative integer; the default if empty."""
    value = text(name)
    return number_of(value, name) if value else default


def number_of(value: str, name: str) -> int:
    """Return the non-negative integer that was sent with this name."""
    digits = value.lstrip("0") or "0"  # int() refuses thousands of digits
    is_number = value.isascii() and value.isdigit() and len(digits) <= MOST_DIGITS
    if not is_number or int(digits) > LARGEST_NUMBER:
        raise Malformed("{name} must be a whole number.", field=name, name=name)
    return int(digits)


def numbers(name: str) -> list[int]:
    """Return the non-negative integers of a value that can be sent several times; others are left
    out."""
    values = request.values.getlist(name)
    return [
        int(one) for one in values if one.isascii() and one.isdigit() and len(one) < MOST_DIGITS
    ]


def page_number(name: str = "page") -> int:
    """Return the number of a page of a list, from 1 to LAST_PAGE."""
    return min(max(1, number(name, 1)), LAST_PAGE)


def optional_id(name: str) -> UUID | None:
    """Return a UUID, or None if empty."""
    value = text(name)
    return id_of(value, name) if value else None


def id_of(value: str, name: str) -> UUID:
    """Return the UUID that was sent with this name."""
    try:
        return UUID(value)
    except ValueError:
        raise Malformed("{name} is not an id.", field=name, name=name) from None


def optional_day(name: str) -> date | None:
    """Return a date such as 2026-11-23, from 1900 to 2200, or None if empty."""
    value = text(name)
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise Malformed(
            "{name} must be a date such as 2026-11-23.", field=name, name=name
        ) from None
    if not EARLIEST <= day <= LATEST:
        raise Malformed("{name} must be between 1900 and 2200.", field=name, name=name)
    return day


def optional_instant(name: str) -> datetime | None:
    """Return an instant such as 2026-11-23T09:00:00Z, or None if empty; one without a zone is
    refused."""
    value = text(name)
    return _instant(value, name) if value else None


def instants_of(values: Iterable[str], name: str) -> list[datetime]:
    """Return the instants of values that were sent with this name."""
    return [_instant(value.strip(), name) for value in values]


def _instant(value: str, name: str) -> datetime:
    try:
        # An unescaped plus sign arrives as a space.
        instant = datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        raise Malformed(
            "{name} must be a time such as 2026-11-23T09:00:00Z.", field=name, name=name
        ) from None
    if instant.tzinfo is None or not EARLIEST <= instant.date() <= LATEST:
        raise Malformed("{name} must be a time with its zone.", field=name, name=name)
    return instant.astimezone(UTC)


def instant(name: str) -> datetime:
    """Return an instant; raise Malformed if empty."""
    value = optional_instant(name)
    if value is None:
        raise Malformed("Choose a time.", field=name)
    return value


def own_path(name: str, default: str) -> str:
    """Return a path of this site without details of people; the default for anything that leads
    elsewhere."""
    path = text(name)
    return ways.without_details(path) if ways.is_own(path) else default


def option(name: str, kind: type[E], default: D) -> E | D:
    """Return a value of ``kind``; the default for anything else."""
    try:
        return kind(text(name))
    except ValueError:
        return default


def spot(name: str) -> Spot | None:
    """Return a latitude and longitude such as ``-33.92,151.24``; None for anything else."""
    match = re.fullmatch(r"(-?\d{1,2}(?:\.\d{1,9})?),(-?\d{1,3}(?:\.\d{1,9})?)", text(name))
    if match is None:
        return None
    latitude, longitude = map(float, match.groups())
    is_real = abs(latitude) <= 90 and abs(longitude) <= 180
    return Spot(latitude, longitude) if is_real else None


def instant_text(when: datetime) -> str:
    """Return an instant in UTC, ``2026-11-23T09:00:00Z``, for addresses and forms."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
