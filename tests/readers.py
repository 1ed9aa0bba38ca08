"""Independent readers of calendars: icalendar, vobject and ical, asked the same questions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import icalendar
import vobject
from ical.calendar_stream import IcsCalendarStream

CLOCKS: list[tuple[str, str, float]] = [
    ("Africa/Casablanca", "2026-01-12T10:30", 1),
    ("Africa/Casablanca", "2026-02-15T02:30", 1),
    ("Africa/Casablanca", "2026-02-15T02:30", 0),
    ("Africa/Casablanca", "2026-03-02T10:30", 0),
    ("America/New_York", "2026-01-12T10:30", -5),
    ("America/New_York", "2026-03-08T01:45", -5),
    ("America/New_York", "2026-07-13T10:30", -4),
    ("America/New_York", "2026-11-01T01:30", -4),
    ("America/New_York", "2026-11-01T01:30", -5),
    ("Asia/Kathmandu", "2026-01-12T10:30", 5.75),
    ("Asia/Kolkata", "2026-07-13T10:30", 5.5),
    ("Australia/Lord_Howe", "2026-01-12T10:30", 11),
    ("Australia/Lord_Howe", "2026-04-05T01:45", 11),
    ("Australia/Lord_Howe", "2026-04-05T01:45", 10.5),
    ("Australia/Lord_Howe", "2026-07-13T10:30", 10.5),
    ("Australia/Lord_Howe", "2026-10-04T01:45", 10.5),
    ("Australia/Sydney", "2026-01-12T10:30", 11),
    ("Australia/Sydney", "2026-04-05T02:30", 11),
    ("Australia/Sydney", "2026-04-05T02:30", 10),
    ("Australia/Sydney", "2026-07-13T10:30", 10),
    ("Australia/Sydney", "2026-10-04T01:45", 10),
    ("Europe/Berlin", "2026-01-12T10:30", 1),
    ("Europe/Berlin", "2026-03-29T01:45", 1),
    ("Europe/Berlin", "2026-07-13T10:30", 2),
    ("Europe/Berlin", "2026-10-25T02:30", 2),
    ("Europe/Berlin", "2026-10-25T02:30", 1),
    ("Europe/Dublin", "2026-01-12T10:30", 0),
    ("Europe/Dublin", "2026-07-13T10:30", 1),
    ("Europe/Dublin", "2026-10-25T01:30", 1),
    ("Europe/Dublin", "2026-10-25T01:30", 0),
    ("Europe/London", "2026-01-12T10:30", 0),
    ("Europe/London", "2026-03-29T00:45", 0),
    ("Europe/London", "2026-07-13T10:30", 1),
    ("Europe/London", "2026-10-25T01:30", 1),
    ("Europe/London", "2026-10-25T01:30", 0),
    ("Pacific/Apia", "2026-07-13T10:30", 13),
    ("Pacific/Chatham", "2026-01-12T10:30", 13.75),
    ("Pacific/Chatham", "2026-04-05T03:15", 13.75),
    ("Pacific/Chatham", "2026-04-05T03:15", 12.75),
    ("Pacific/Chatham", "2026-07-13T10:30", 12.75),
    ("UTC", "2026-01-12T10:30", 0),
]
"""Times by the clock of a centre, with how many hours that is ahead of UTC: in winter, in summer,
right before a clock changes, and in the hour that comes twice."""


def instant(wall: str, hours: float) -> datetime:
    """The instant of a time by a clock that is so many hours ahead of UTC."""
    return datetime.fromisoformat(wall).replace(tzinfo=UTC) - timedelta(hours=hours)


@dataclass(frozen=True)
class Person:
    """An organizer or an attendee."""

    address: str
    name: str | None


@dataclass(frozen=True)
class Entry:
    """An appointment as a reader sees it."""

    uid: str
    sequence: int
    stamp: datetime
    start: datetime
    end: datetime
    summary: str
    location: str
    status: str
    url: str | None
    description: str | None
    organizer: Person | None
    attendees: tuple[Person, ...]

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True)
class Book:
    """A calendar as a reader sees it."""

    method: str | None
    name: str | None
    entries: tuple[Entry, ...]


def agreed(written: bytes) -> Book:
    """What every reader sees in a calendar; they must all see the same."""
    seen = {name: read(written) for name, read in READERS.items()}
    first = seen["icalendar"]
    for name, book in seen.items():
        assert book == first, name
    return first


def agreed_entry(written: bytes) -> Entry:
    """The only entry that every reader sees."""
    (entry,) = agreed(written).entries
    return entry


def by_icalendar(written: bytes) -> Book:
    (calendar,) = icalendar.Calendar.from_ical(written, multiple=True)
    assert not list(_broken(calendar))
    return Book(
        _text(calendar.get("method")),
        _unescaped(calendar["name"]) if "name" in calendar else None,
        tuple(
            Entry(
                uid=str(event["uid"]),
                sequence=int(event["sequence"]),
                stamp=_instant(event["dtstamp"].dt),
                start=_instant(event["dtstart"].dt),
                end=_instant(event["dtend"].dt),
                summary=str(event["summary"]),
                location=str(event["location"]),
                status=str(event["status"]),
                url=_text(event.get("url")),
                description=_text(event.get("description")),
                organizer=_icalendar_person(event.get("organizer")),
                attendees=tuple(_icalendar_person(one) for one in _listed(event.get("attendee"))),
            )
            for event in calendar.walk("VEVENT")
        ),
    )


def by_vobject(written: bytes) -> Book:
    (calendar,) = vobject.readComponents(written.decode())
    calendar.validate(raiseException=True)
    return Book(
        _content(calendar, "method"),
        _content(calendar, "name"),
        tuple(
            Entry(
                uid=event.uid.value,
                sequence=int(event.sequence.value),
                stamp=_instant(event.dtstamp.value),
                start=_instant(event.dtstart.value),
                end=_instant(event.dtend.value),
                summary=event.summary.value,
                location=event.location.value,
                status=event.status.value,
                url=_content(event, "url"),
                description=_content(event, "description"),
                organizer=next(map(_vobject_person, event.contents.get("organizer", [])), None),
                attendees=tuple(map(_vobject_person, event.contents.get("attendee", []))),
            )
            for event in calendar.contents.get("vevent", [])
        ),
    )


def by_ical(written: bytes) -> Book:
    calendar = IcsCalendarStream.calendar_from_ics(written.decode())
    return Book(
        calendar.method,
        next(iter(calendar.name), None),
        tuple(
            Entry(
                uid=event.uid,
                sequence=event.sequence or 0,
                stamp=_instant(event.dtstamp),
                start=_instant(event.dtstart),
                end=_instant(event.dtend),
                summary=event.summary,
                location=event.location or "",
                status=event.status.value if event.status else "",
                url=event.url,
                description=event.description,
                organizer=_ical_person(event.organizer) if event.organizer else None,
                attendees=tuple(map(_ical_person, event.attendees)),
            )
            for event in calendar.events
        ),
    )


READERS: Mapping[str, Callable[[bytes], Book]] = {
    "icalendar": by_icalendar,
    "vobject": by_vobject,
    "ical": by_ical,
}


def unfolded(written: bytes) -> list[str]:
    """The lines of a calendar, put together again (RFC 5545, 3.1)."""
    return written.decode().replace("\r\n ", "").split("\r\n")


def check_form(written: bytes) -> None:
    """Lines end in CRLF and are of 75 octets at most, and none cuts a letter in two."""
    lines = written.split(b"\r\n")
    assert lines.pop() == b""
    assert (lines[0], lines[-1]) == (b"BEGIN:VCALENDAR", b"END:VCALENDAR")
    for line in lines:
        assert len(line) <= 75
        assert not {b"\r", b"\n"} & {line[at : at + 1] for at in range(len(line))}
        line.decode()


def _instant(value: Any) -> datetime:
    """An instant that says its offset, which is that of UTC."""
    assert isinstance(value, datetime)
    assert value.utcoffset() == timedelta(0)
    return value.astimezone(UTC)


def _broken(component: Any) -> list[Any]:
    return [error for one in component.walk() for error in one.errors]


def _unescaped(value: str) -> str:
    """A text that icalendar leaves as it stands: it does not know the type of NAME (RFC 7986)."""
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value is not None else []


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _content(component: Any, name: str) -> str | None:
    found = component.contents.get(name)
    return found[0].value if found else None


def _icalendar_person(value: Any) -> Any:
    return None if value is None else Person(str(value), value.params.get("CN"))


def _vobject_person(line: Any) -> Person:
    # It does not know RFC 6868, which doubles the caret in parameters.
    names = [name.replace("^^", "^") for name in line.params.get("CN", [])]
    return Person(line.value, names[0] if names else None)


def _ical_person(one: Any) -> Person:
    return Person(one.uri, one.common_name)
