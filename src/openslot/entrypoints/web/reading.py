"""Reading what came in an address or a form: the right type, or a refusal that names it."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from flask import request
from werkzeug.datastructures import MultiDict

from openslot.core.errors import Malformed

E = TypeVar("E", bound=StrEnum)

LARGEST_NUMBER = 2**31 - 1
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)


def text(name: str, source: MultiDict[str, str] | None = None) -> str:
    """What stands under ``name``, trimmed; empty where nothing does."""
    values = request.values if source is None else source
    return values.get(name, "").strip().replace("\x00", "")[:2000]


def number(name: str, default: int) -> int:
    """A whole number from 0; Malformed for anything else that is not empty."""
    found = text(name)
    if not found:
        return default
    if not (found.isascii() and found.isdigit()) or int(found[:12]) > LARGEST_NUMBER:
        raise Malformed("{name} must be a whole number.", field=name, name=name)
    return int(found)


def optional_id(name: str) -> UUID | None:
    """A UUID, or None where nothing stands there."""
    found = text(name)
    if not found:
        return None
    try:
        return UUID(found)
    except ValueError:
        raise Malformed("{name} is not an id.", field=name, name=name) from None


def optional_day(name: str) -> date | None:
    """A date such as 2026-11-23, between 1900 and 2200."""
    found = text(name)
    if not found:
        return None
    try:
        day = date.fromisoformat(found)
    except ValueError:
        raise Malformed(
            "{name} must be a date such as 2026-11-23.", field=name, name=name
        ) from None
    if not EARLIEST <= day <= LATEST:
        raise Malformed("{name} must be between 1900 and 2200.", field=name, name=name)
    return day


def optional_instant(name: str) -> datetime | None:
    """An instant such as 2026-11-23T09:00:00Z; one without a zone is refused, not guessed."""
    found = text(name)
    if not found:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        instant = datetime.fromisoformat(found.replace(" ", "+"))
    except ValueError:
        raise Malformed(
            "{name} must be a time such as 2026-11-23T09:00:00Z.", field=name, name=name
        ) from None
    if instant.tzinfo is None or not EARLIEST <= instant.date() <= LATEST:
        raise Malformed("{name} must be a time with its zone.", field=name, name=name)
    return instant.astimezone(UTC)


def instant(name: str) -> datetime:
    """An instant that must be there."""
    found = optional_instant(name)
    if found is None:
        raise Malformed("Choose a time.", field=name)
    return found


def own_path(name: str, default: str) -> str:
    """A path of this site to go to next; the default for anything that leads elsewhere."""
    found = text(name)
    safe = found.startswith("/") and not found.startswith(("//", "/\\"))
    return found if safe and found.isprintable() else default


def option(name: str, kind: type[E], default: E) -> E:
    """One of the values of ``kind``; the default for anything else."""
    try:
        return kind(text(name))
    except ValueError:
        return default


def instant_text(when: datetime) -> str:
    """An instant as addresses and forms of ours carry it: UTC, ``2026-11-23T09:00:00Z``."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
