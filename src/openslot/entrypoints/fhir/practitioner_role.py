"""PractitionerRole: a practitioner at a centre, with the hours there; it has the schedule's id."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.core.actor import Actor
from openslot.directory.models import Practitioner
from openslot.entrypoints.fhir import organization, subject
from openslot.entrypoints.fhir.elements import Json, Site, contacts, meta, reference, resource
from openslot.entrypoints.fhir.parameters import Code, Reference, flag, read_number
from openslot.entrypoints.fhir.queries import OFFERED_ID, SCHEDULE_CHANGED, SUBJECTS, centre_key
from openslot.entrypoints.fhir.resource import Resource
from openslot.entrypoints.rules import Rule
from openslot.schedules import recurrence
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Schedule
from openslot.schedules.queries import LOADED, places
from openslot.schedules.rules import MINUTES_A_DAY, Offered, clock_text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


WHICH = {0: "", 1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth"} | {
    -which: "last" if which == 1 else f"{which}. last" for which in range(1, 6)
}


@dataclass(frozen=True, slots=True)
class Row:
    """A practitioner's schedule with its hours and services, and when one of them last changed."""

    subject: Schedule
    changed: datetime
    hours: tuple[Weekly, ...] = ()
    offered: Sequence[Offered] = ()


def show(row: Row, site: Site) -> Json:
    """Return the role as a FHIR resource."""
    schedule = row.subject
    practitioner, centre = schedule.practitioner, schedule.centre
    # FHIR says hours of each week only; all others are told in words.
    limited = [one for one in row.hours if one.valid_from or one.valid_until or one.rule]
    return resource(
        "PractitionerRole",
        schedule.id,
        meta(row.changed),
        active=subject.is_bookable(schedule),
        practitioner=reference("Practitioner", practitioner.id, practitioner.name)
        if practitioner
        else None,
        organization=reference("Organization", organization.centre_id(centre.id), centre.name),
        code=[subject.profession(practitioner, site)],
        specialty=subject.coded_specialty(schedule, site),
        location=[reference("Location", centre.id, centre.name)],
        healthcareService=[
            reference("HealthcareService", one.service_id, one.name) for one in row.offered
        ],
        telecom=contacts(centre.phone, centre.email, "work"),
        availableTime=_weekly(period for period in row.hours if period not in limited),
        availabilityExceptions="; ".join(map(_in_words, limited)),
    )


def _weekly(hours: Iterable[Weekly]) -> list[Json]:
    """Return the hours, grouped by days with the same hours, and split at midnight."""
    days: dict[tuple[int, int], list[str]] = defaultdict(list)
    for period in hours:
        day, is_overnight = DAYS[period.weekday], period.ends <= period.starts
        days[period.starts, MINUTES_A_DAY if is_overnight else period.ends].append(day)
        if is_overnight and period.ends:
            days[0, period.ends].append(DAYS[(period.weekday + 1) % 7])
    return [_available(starts, ends, names) for (starts, ends), names in sorted(days.items())]


def _available(starts: int, ends: int, days: list[str]) -> Json:
    if (starts, ends) == (0, MINUTES_A_DAY):
        return {"daysOfWeek": days, "allDay": True}
    # FHIR's time type has no 24:00.
    last = "23:59:59" if ends == MINUTES_A_DAY else f"{clock_text(ends)}:00"
    return {
        "daysOfWeek": days,
        "availableStartTime": f"{clock_text(starts)}:00",
        "availableEndTime": last,
    }


def _in_words(period: Weekly) -> str:
    hours = f"{clock_text(period.starts)} to {clock_text(period.ends)}"
    holidays = ", also on public holidays" if period.on_holidays else ""
    if period.valid_from and period.valid_from == period.valid_until:
        return f"{period.valid_from} {hours}{holidays}"
    first = f" from {period.valid_from}" if period.valid_from else ""
    last = f" until {period.valid_until}" if period.valid_until else ""
    days = _rule_in_words(recurrence.read(period.rule)) if period.rule else DAYS[period.weekday]
    return f"{days} {hours}{first}{last}{holidays}"


def _rule_in_words(rule: recurrence.Rule) -> str:
    unit = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month"}[rule.frequency]
    every = f"every {unit}" if rule.interval == 1 else f"every {rule.interval} {unit}s"
    days = ", ".join(" ".join(filter(None, (WHICH[on.which], DAYS[on.weekday]))) for on in rule.on)
    times = f", {rule.times} times" if rule.times else ""
    return " ".join(filter(None, (days, every))) + times


def _with_hours(session: Session, rows: Sequence[Row]) -> Sequence[Row]:
    ids = [row.subject.id for row in rows]
    bookable = places(session, Schedule.id.in_(ids), inactive=True)
    found = ((row, bookable[row.subject.id]) for row in rows)
    return [replace(row, hours=place.hours, offered=place.services) for row, place in found]


def _of_practitioners(_actor: Actor, _now: datetime) -> Condition:
    return Schedule.practitioner_id.is_not(None)


RESOURCE = Resource(
    name="PractitionerRole",
    rule=Rule.PUBLIC,
    about="Practitioners at the centres where they work, with their profession and hours.",
    rows=SUBJECTS,
    entities=(Schedule, SCHEDULE_CHANGED),
    options=LOADED,
    make=Row,
    complete=_with_hours,
    key=Schedule.id,
    read_id=read_number,
    changed=SCHEDULE_CHANGED,
    show=show,
    seen=_of_practitioners,
    parameters={
        "practitioner": Reference(
            "The practitioner.",
            {"Practitioner": (Schedule.practitioner_id, read_number)},
            path=("practitioner",),
        ),
        "location": Reference(
            "The centre.", {"Location": (Schedule.centre_id, read_number)}, path=("location",)
        ),
        "organization": Reference(
            "The centre as an organisation.",
            {"Organization": (centre_key(Schedule.centre_id), organization.read_id)},
            path=("organization",),
        ),
        "service": Reference(
            "A service that the practitioner offers there.",
            {"HealthcareService": (OFFERED_ID, read_number)},
            path=("healthcareService",),
        ),
        "specialty": subject.SPECIALTY,
        "role": Code("The profession.", Practitioner.profession, system="specialty"),
        "active": flag("True if this schedule can be booked.", Schedule.active),
    },
)
