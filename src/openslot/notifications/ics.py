"""Appointments as calendar entries: iCalendar (RFC 5545), exchanged by mail (RFC 5546).

All instants are written in UTC. Readers get them right in winter and summer alike, which does
not hold for zone definitions: several read icalendar's default range an hour wrong.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import Literal
from urllib.parse import quote

from icalendar import Parameters, vText
from icalendar.parser import Contentline

from openslot.booking.models import Appointment, GroupSession, Status
from openslot.directory.models import Centre

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]

PRODUCT = "-//OpenSlot//OpenSlot//EN"
REFRESHED = "PT1H"
"""How often programs that subscribe to a calendar are asked to look again."""

LONGEST_LINE = 75
"""Bytes of a line that is not folded."""

MAILTO = "@!$'*+"
"""What need not be escaped in an address, apart from letters and digits (RFC 6068, 2)."""

STATUSES: Mapping[Status, str] = {
    Status.HELD: "TENTATIVE",
    Status.CANCELLED: "CANCELLED",
    Status.ENTERED_IN_ERROR: "CANCELLED",
    Status.EXPIRED: "CANCELLED",
}
"""Everything else is CONFIRMED, also once it is over."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """The reader of an invitation; it contains nobody else's address."""

    name: str
    email: str


def calendar_entry(
    appointment: Appointment,
    *,
    method: Method,
    public_url: str,
    organizer: str,
    summary: str,
    now: datetime,
    attendee: Attendee | None = None,
) -> bytes:
    """Return an appointment as an iCalendar object (RFC 5545), for mail or download.

    The UID is the appointment's UUID, without a host (RFC 7986, 5.3), so that it stays the same
    when the server's address changes; SEQUENCE rises with the version (RFC 5546, 2.1.4).
    ``organizer`` is an address such as ``Name <a@example.org>``. REQUEST and CANCEL are for an
    attendee; PUBLISH has none (RFC 5546, 3.2.1). ``summary`` is its title.
    It contains neither the reason nor the name of a service.
    """
    invited = [_invited(attendee)] if attendee else []
    people = [_organizer(organizer), *invited]
    return _calendar([f"METHOD:{method}"], _event(appointment, summary, public_url, now, people))


def calendar_file(
    entries: Iterable[tuple[Appointment, str]], *, public_url: str, organizer: str, now: datetime
) -> bytes:
    """Return several appointments, each with its title, as one iCalendar object to take over.

    Its METHOD is PUBLISH, also for what was cancelled: a REQUEST or CANCEL has one UID only
    (RFC 5546, 3.2).
    """
    people = [_organizer(organizer)]
    events = (_event(one, called, public_url, now, people) for one, called in entries)
    return _calendar(["METHOD:PUBLISH"], *events)


def calendar_feed(
    entries: Iterable[tuple[Appointment, str]],
    *,
    name: str,
    public_url: str,
    parts: Iterable[tuple[Appointment | GroupSession, str]] = (),
) -> bytes:
    """Return appointments, each with its title, as a calendar to subscribe to (RFC 7986). Of the
    ``parts``, the appointments and sessions of others that need the reader and empty sessions, it
    has the time that they take and no links: to be needed gives no access to them.

    It has no METHOD, so that DTSTAMP is when an entry last changed (RFC 5545, 3.8.7.2), and a
    calendar in which nothing changed is the same bytes. It invites nobody. One without
    appointments defines UTC, since a calendar has at least one component (RFC 5545, 3.6).
    """
    head = [
        f"NAME:{_escaped(name)}",
        f"X-WR-CALNAME:{_escaped(name)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESHED}",
        f"X-PUBLISHED-TTL:{REFRESHED}",
    ]
    events = [_event(one, called, public_url, one.changed_at) for one, called in entries]
    events += [_part(one, called) for one, called in parts]
    return _calendar(head, *events) if events else _calendar(head, UTC_ZONE)


def place_of(centre: Centre) -> str:
    """Return where a centre is: name, street, and the suburb unless one of them includes it."""
    place = ", ".join(part for part in (centre.name, centre.address) if part)
    said = centre.suburb.casefold() in (centre.address or "").casefold()
    return place if said else f"{place}, {centre.suburb}"


def page_of(appointment: Appointment, public_url: str) -> str | None:
    """Return the address of the appointment's page; None where no public address is set."""
    base = public_url.rstrip("/")
    return f"{base}/appointments/{appointment.id}" if base else None


def _calendar(head: Sequence[str], *components: Sequence[str]) -> bytes:
    """Return a calendar of content lines, folded as RFC 5545 (3.1) says.

    They are written here, and not by objects of icalendar, which look for the kind and zone of each
    value: that takes most of the time that a mail does.
    """
    inner = (line for component in components for line in component)
    lines = ["BEGIN:VCALENDAR", f"PRODID:{PRODUCT}", "VERSION:2.0", *head, *inner, "END:VCALENDAR"]
    return b"".join(_folded(line) for line in lines)


def _folded(line: str) -> bytes:
    written = line.encode()
    if len(written) >= LONGEST_LINE:
        written = Contentline(line).to_ical()  # type: ignore[no-untyped-call] # icalendar's
    return written + b"\r\n"


def _event(
    appointment: Appointment,
    summary: str,
    public_url: str,
    now: datetime,
    people: Sequence[str] = (),
) -> list[str]:
    """Return the content lines of an appointment."""
    links = (appointment.video_url, page_of(appointment, public_url))
    addresses = ["".join(_text(address).split()) for address in links if address]
    # Some calendar programs show no URL, but all show the description.
    description = _escaped("\n".join(addresses))
    shown = [f"URL:{addresses[0]}", f"DESCRIPTION:{description}"] if addresses else []
    times = (appointment.starts_at, appointment.ends_at)
    return _timed(appointment, summary, *times, now, [*shown, *people])


def _part(part: Appointment | GroupSession, summary: str) -> list[str]:
    busy = (part.busy_from, part.busy_until)
    if isinstance(part, Appointment):
        return _timed(part, summary, *busy, part.changed_at)
    # Sessions have no count of their changes. One that moves is another entry.
    return [
        "BEGIN:VEVENT",
        f"UID:{part.id}-{_utc(part.starts_at)}",
        f"DTSTAMP:{_utc(part.created_at)}",
        f"CREATED:{_utc(part.created_at)}",
        *_when(summary, *busy, part.schedule.centre),
        "STATUS:CONFIRMED",
        "END:VEVENT",
    ]


def _timed(
    appointment: Appointment,
    summary: str,
    starts: datetime,
    ends: datetime,
    now: datetime,
    more: Sequence[str] = (),
) -> list[str]:
    return [
        "BEGIN:VEVENT",
        f"UID:{appointment.id}",
        f"SEQUENCE:{appointment.version - 1}",
        f"DTSTAMP:{_utc(now)}",
        f"CREATED:{_utc(appointment.created_at)}",
        f"LAST-MODIFIED:{_utc(appointment.changed_at)}",
        *_when(summary, starts, ends, appointment.centre),
        f"STATUS:{STATUSES.get(appointment.status, 'CONFIRMED')}",
        *more,
        "END:VEVENT",
    ]


def _when(summary: str, starts: datetime, ends: datetime, centre: Centre) -> list[str]:
    """Return the content lines that say when and where, and what it is called."""
    return [
        f"DTSTART:{_utc(starts)}",
        f"DTEND:{_utc(ends)}",
        f"SUMMARY:{_escaped(summary)}",
        f"LOCATION:{_escaped(place_of(centre))}",
    ]


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"


UTC_ZONE = (
    "BEGIN:VTIMEZONE",
    "TZID:UTC",
    "BEGIN:STANDARD",
    "DTSTART:19700101T000000",
    "TZNAME:UTC",
    "TZOFFSETFROM:+0000",
    "TZOFFSETTO:+0000",
    "END:STANDARD",
    "END:VTIMEZONE",
)
"""UTC as a time zone, which readers do not show."""


@lru_cache
def _organizer(text: str) -> str:
    name, email = parseaddr(text)
    return _person("ORGANIZER", name, email)


def _invited(attendee: Attendee) -> str:
    """Return the attendee as someone who has accepted and need not answer."""
    accepted = {"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "ACCEPTED", "RSVP": "FALSE"}
    return _person("ATTENDEE", attendee.name, attendee.email, accepted)


def _person(role: str, name: str, email: str, more: Mapping[str, str] | None = None) -> str:
    """Return a calendar address (RFC 6068); its name without what a parameter may not contain (RFC
    5545, 3.1), and without backslashes, which some readers take for the escapes of a text."""
    plain = " ".join(_text(name).replace('"', "'").replace("\\", "/").split())
    params = Parameters({**({"CN": plain} if plain else {}), **(more or {})})
    written = f";{params.to_ical().decode()}" if params else ""
    return f"{role}{written}:mailto:{quote(email, safe=MAILTO)}"


def _escaped(value: str) -> str:
    return vText(_text(value)).to_ical().decode()


def _text(value: str) -> str:
    """Return the text without control characters, which no value may contain (RFC 5545, 3.3.11),
    and without what readers may take for the end of a line.

    A backslash before N becomes a slash: the library would take the two for a line break.
    """
    plain = value.replace("\r\n", "\n").replace("\\N", "/N")
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", " ", plain)
