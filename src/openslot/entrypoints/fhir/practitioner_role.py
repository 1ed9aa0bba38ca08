"""PractitionerRole: a practitioner at one centre with the hours there. Its id is the schedule's."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.directory.models import Practitioner
from openslot.directory.rules import Actor
from openslot.entrypoints.fhir import organization, subject
from openslot.entrypoints.fhir.elements import Json, Site, contacts, meta, reference, resource
from openslot.entrypoints.fhir.parameters import Code, Reference, flag, read_number
from openslot.entrypoints.fhir.queries import SUBJECT_CHANGED, SUBJECTS, centre_key
from openslot.entrypoints.fhir.resource import Resource
from openslot.entrypoints.rules import Rule
from openslot.schedules.availability import Weekly
from openslot.schedules.models import Schedule
from openslot.schedules.queries import LOADED, places
from openslot.schedules.rules import MINUTES_A_DAY, clock_text

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Row:
    """A practitioner's schedule with its weekly hours."""

    subject: Schedule
    hours: tuple[Weekly, ...] = ()


def show(row: Row, site: Site) -> Json:
    """The role."""
    known = row.subject
    person, centre = known.practitioner, known.centre
    limited = [period for period in row.hours if period.valid_from or period.valid_until]
    return resource(
        "PractitionerRole",
        known.id,
        meta(subject.changed(known)),
        active=subject.is_bookable(known),
        practitioner=reference("Practitioner", person.id, person.name) if person else None,
        organization=reference("Organization", organization.centre_id(centre.id), centre.name),
        code=[site.concept("specialty", person.profession if person else None)],
        specialty=subject.specialty(known, site),
        location=[reference("Location", centre.id, centre.name)],
        telecom=contacts(centre.phone, centre.email, "work"),
        availableTime=_weekly(period for period in row.hours if period not in limited),
        availabilityExceptions="; ".join(map(_in_words, limited)),
    )


def _weekly(hours: Iterable[Weekly]) -> list[Json]:
    """The hours, one entry for all days that have the same; what crosses midnight in two."""
    days: dict[tuple[int, int], list[str]] = defaultdict(list)
    for period in hours:
        day, over = DAYS[period.weekday], period.ends <= period.starts
        days[period.starts, MINUTES_A_DAY if over else period.ends].append(day)
        if over and period.ends:
            days[0, period.ends].append(DAYS[(period.weekday + 1) % 7])
    return [_available(starts, ends, named) for (starts, ends), named in sorted(days.items())]


def _available(starts: int, ends: int, days: list[str]) -> Json:
    if (starts, ends) == (0, MINUTES_A_DAY):
        return {"daysOfWeek": days, "allDay": True}
    # FHIR's time knows no 24:00.
    last = "23:59:59" if ends == MINUTES_A_DAY else f"{clock_text(ends)}:00"
    return {
        "daysOfWeek": days,
        "availableStartTime": f"{clock_text(starts)}:00",
        "availableEndTime": last,
    }


def _in_words(period: Weekly) -> str:
    first = f" from {period.valid_from}" if period.valid_from else ""
    last = f" until {period.valid_until}" if period.valid_until else ""
    hours = f"{clock_text(period.starts)} to {clock_text(period.ends)}"
    return f"{DAYS[period.weekday]} {hours}{first}{last}"


def _with_hours(session: Session, rows: Sequence[Row]) -> Sequence[Row]:
    ids = [row.subject.id for row in rows]
    found = places(session, Schedule.id.in_(ids), inactive=True)
    return [Row(row.subject, found[row.subject.id].hours) for row in rows]


def _of_practitioners(_actor: Actor, _now: datetime) -> Condition:
    return Schedule.practitioner_id.is_not(None)


RESOURCE = Resource(
    name="PractitionerRole",
    rule=Rule.PUBLIC,
    about="Practitioners at the centres where they work, with profession and hours.",
    rows=SUBJECTS,
    entities=(Schedule,),
    options=LOADED,
    make=Row,
    complete=_with_hours,
    key=Schedule.id,
    read_id=read_number,
    changed=SUBJECT_CHANGED,
    show=show,
    seen=_of_practitioners,
    parameters={
        "practitioner": Reference(
            "The person.",
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
            "A department's service; practitioners have none here, so nothing is found.",
            {"HealthcareService": (Schedule.service_id, read_number)},
        ),
        "specialty": subject.CODES["specialty"],
        "role": Code("The profession.", Practitioner.profession, system="specialty"),
        "active": flag("Whether this schedule can be booked.", Schedule.active),
    },
)
