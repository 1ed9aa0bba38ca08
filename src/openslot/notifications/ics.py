"""Appointments as calendar entries: iCalendar (RFC 5545), exchanged by mail (RFC 5546).

All instants are written in UTC. Readers get them right in winter and summer alike, which does
not hold for zone definitions: several read icalendar's default range an hour wrong.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Literal
from urllib.parse import quote

from icalendar import Calendar, Event, Timezone, TimezoneStandard, vCalAddress, vText

from openslot.booking.models import Appointment, Status
from openslot.directory.models import Centre

Method = Literal["REQUEST", "CANCEL", "PUBLISH"]

PRODUCT = "-//OpenSlot//OpenSlot//EN"
REFRESHED = timedelta(hours=1)
"""How often programs that subscribe to a calendar are asked to look again."""

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
    calendar = _calendar()
    calendar.add("method", method)
    event = _event(appointment, summary, public_url, now)
    event.add("organizer", _organizer(organizer))
    if attendee:
        event.add("attendee", _invited(attendee))
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def calendar_file(
    entries: Iterable[tuple[Appointment, str]], *, public_url: str, organizer: str, now: datetime
) -> bytes:
    """Return several appointments, each with its title, as one iCalendar object to take over.

    Its METHOD is PUBLISH, also for what was cancelled: a REQUEST or CANCEL has one UID only
    (RFC 5546, 3.2).
    """
    calendar = _calendar()
    calendar.add("method", "PUBLISH")
    for appointment, called in entries:
        event = _event(appointment, called, public_url, now)
        event.add("organizer", _organizer(organizer))
        calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def calendar_feed(
    entries: Iterable[tuple[Appointment, str]],
    *,
    name: str,
    public_url: str,
    parts: Iterable[tuple[Appointment, str]] = (),
) -> bytes:
    """Return appointments, each with its title, as a calendar to subscribe to (RFC 7986). Of the
    appointments of others that need the reader, the ``parts``, it has the time that they take and
    no links: to be needed gives no access to them.

    It has no METHOD, so that DTSTAMP is when an entry last changed (RFC 5545, 3.8.7.2), and a
    calendar in which nothing changed is the same bytes. It invites nobody. One without
    appointments defines UTC, since a calendar has at least one component (RFC 5545, 3.6).
    """
    calendar = _calendar()
    for property_name in ("name", "x-wr-calname"):
        # Without a type the library would leave commas and semicolons as they are.
        calendar.add(property_name, vText(_text(name)))
    calendar.add("refresh-interval", REFRESHED, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for appointment, called in entries:
        calendar.add_component(_event(appointment, called, public_url, appointment.changed_at))
    for appointment, called in parts:
        calendar.add_component(_part(appointment, called))
    if not calendar.subcomponents:
        calendar.add_component(_utc())
    written: bytes = calendar.to_ical()
    return written


def place_of(centre: Centre) -> str:
    """Return where a centre is: name, street, and the suburb unless one of them includes it."""
    place = ", ".join(part for part in (centre.name, centre.address) if part)
    said = centre.suburb.casefold() in (centre.address or "").casefold()
    return place if said else f"{place}, {centre.suburb}"


def page_of(appointment: Appointment, public_url: str) -> str | None:
    """Return the address of the appointment's page; None where no public address is set."""
    base = public_url.rstrip("/")
    return f"{base}/appointments/{appointment.id}" if base else None


def _calendar() -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    return calendar


def _event(appointment: Appointment, summary: str, public_url: str, now: datetime) -> Event:
    event = _timed(appointment, summary, appointment.starts_at, appointment.ends_at, now)
    links = (appointment.video_url, page_of(appointment, public_url))
    addresses = [address for address in links if address]
    if addresses:
        event.add("url", addresses[0])
        # Some calendar programs show no URL, but all show the description.
        event.add("description", "\n".join(addresses))
    return event


def _part(appointment: Appointment, summary: str) -> Event:
    busy, now = (appointment.busy_from, appointment.busy_until), appointment.changed_at
    return _timed(appointment, summary, *busy, now)


def _timed(
    appointment: Appointment, summary: str, starts: datetime, ends: datetime, now: datetime
) -> Event:
    event = Event()
    event.add("uid", str(appointment.id))
    event.add("sequence", appointment.version - 1)
    event.add("dtstamp", now)
    event.add("created", appointment.created_at)
    event.add("last-modified", appointment.changed_at)
    event.add("dtstart", starts)
    event.add("dtend", ends)
    event.add("summary", _text(summary))
    event.add("location", _text(place_of(appointment.centre)))
    event.add("status", STATUSES.get(appointment.status, "CONFIRMED"))
    return event


def _utc() -> Timezone:
    """Return UTC as a time zone, which readers do not show."""
    zone, always = Timezone(), TimezoneStandard()
    zone.add("tzid", "UTC")
    always.add("dtstart", datetime(1970, 1, 1))  # noqa: DTZ001 - on the zone's own clock
    always.add("tzname", "UTC")
    for name in ("tzoffsetfrom", "tzoffsetto"):
        always.add(name, timedelta(0))
    zone.add_component(always)
    return zone


def _organizer(text: str) -> vCalAddress:
    name, email = parseaddr(text)
    return _address(name, email)


def _invited(attendee: Attendee) -> vCalAddress:
    """Return the attendee as someone who has accepted and need not answer."""
    address = _address(attendee.name, attendee.email)
    address.params["ROLE"] = "REQ-PARTICIPANT"
    address.params["PARTSTAT"] = "ACCEPTED"
    address.params["RSVP"] = "FALSE"
    return address


def _address(name: str, email: str) -> vCalAddress:
    """Return a calendar address (RFC 6068); its name without what a parameter may not contain (RFC
    5545, 3.1), and without backslashes, which some readers take for the escapes of a text."""
    address = vCalAddress(f"mailto:{quote(email, safe=MAILTO)}")
    plain = " ".join(_text(name).replace('"', "'").replace("\\", "/").split())
    if plain:
        address.params["CN"] = plain
    return address


def _text(value: str) -> str:
    """Return the text without control characters, which no value may contain (RFC 5545, 3.3.11),
    and without what readers may take for the end of a line.

    A backslash before N becomes a slash: the library would take the two for a line break.
    """
    plain = value.replace("\r\n", "\n").replace("\\N", "/N")
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", " ", plain)
