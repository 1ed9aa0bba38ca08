"""Schedule: what can be booked, a practitioner at a centre or a department's service."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from openslot.booking.queries import Condition
from openslot.directory.models import Centre
from openslot.entrypoints.fhir import dates, subject
from openslot.entrypoints.fhir.elements import Json, Site, instant, meta, reference, resource
from openslot.entrypoints.fhir.parameters import Reference, flag, read_number
from openslot.entrypoints.fhir.queries import SUBJECT_CHANGED, SUBJECTS
from openslot.entrypoints.fhir.resource import Asked, Parameter, Resource, by_anybody
from openslot.entrypoints.rules import Rule
from openslot.schedules.models import Schedule
from openslot.schedules.queries import LOADED


def show(row: Schedule, site: Site) -> Json:
    """The schedule; its horizon begins with today at its centre, so each day has a version."""
    schedule, centre = row, row.centre
    today = _today(site.now, ZoneInfo(centre.time_zone))
    changed = subject.changed(row)
    version = f"{meta(changed)['versionId']}-{today:%Y%m%d}"
    person, service = row.practitioner, row.service
    return resource(
        "Schedule",
        schedule.id,
        meta(changed, version),
        active=subject.is_bookable(row),
        serviceCategory=subject.service_category(row, site),
        serviceType=subject.service_type(row, site),
        specialty=subject.specialty(row, site),
        actor=[
            reference("Practitioner", person.id, person.name) if person else None,
            reference("PractitionerRole", schedule.id) if person else None,
            reference("HealthcareService", service.id, service.name) if service else None,
            reference("Location", centre.id, centre.name),
        ],
        planningHorizon={
            "start": instant(today),
            "end": instant(today + timedelta(days=schedule.horizon_days)),
        },
    )


def _today(now: datetime, zone: ZoneInfo) -> datetime:
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


class Horizon(Parameter):
    """The time that can be booked now; a date fits where the two have some time in common."""

    kind = "date"

    def match(self, name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """Schedules whose horizon has some time in common with the date."""
        given, now = dates.read(name, text, asked.zone), asked.site.now
        if given.prefix == "ne":
            given = dates.Given("ge", given.high, given.high)
        found: Condition | None = None
        for low, high in given.periods():
            if high is not None and high <= now:
                continue
            days = 0.0 if low is None else (low - now) / timedelta(days=1)
            one = Schedule.horizon_days > days
            found = one if found is None else found | one
        return found


RESOURCE = Resource(
    name="Schedule",
    rule=Rule.PUBLIC,
    seen=by_anybody,
    about="What can be booked: a practitioner at a centre, or a department's service.",
    rows=SUBJECTS,
    entities=(Schedule,),
    options=LOADED,
    key=Schedule.id,
    read_id=read_number,
    changed=SUBJECT_CHANGED,
    show=show,
    parameters={
        "actor": Reference(
            "Whom or what it books, or where.",
            {
                "Practitioner": (Schedule.practitioner_id, read_number),
                "PractitionerRole": (Schedule.id, read_number),
                "HealthcareService": (Schedule.service_id, read_number),
                "Location": (Centre.id, read_number),
            },
            path=("actor",),
        ),
        "date": Horizon("A time within the planning horizon."),
        "active": flag("Whether it can be booked itself.", Schedule.active),
        **subject.CODES,
    },
)
