"""Schedule: a practitioner at a centre, or a department's service, that can be booked."""

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
    """Return the schedule; its horizon starts today, so it has a new version every day."""
    centre = row.centre
    today = _today(site.now, ZoneInfo(centre.time_zone))
    changed = subject.changed(row)
    version = f"{meta(changed)['versionId']}-{today:%Y%m%d}"
    practitioner, service = row.practitioner, row.service
    return resource(
        "Schedule",
        row.id,
        meta(changed, version),
        active=subject.is_bookable(row),
        serviceCategory=subject.service_category(row, site),
        serviceType=subject.service_type(row, site) if service else subject.profession(row, site),
        specialty=subject.coded_specialty(row, site),
        actor=[
            reference("Practitioner", practitioner.id, practitioner.name) if practitioner else None,
            reference("PractitionerRole", row.id) if practitioner else None,
            reference("HealthcareService", service.id, service.name) if service else None,
            reference("Location", centre.id, centre.name),
        ],
        planningHorizon={
            "start": instant(today),
            "end": instant(today + timedelta(days=row.horizon_days)),
        },
    )


def _today(now: datetime, zone: ZoneInfo) -> datetime:
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


class Horizon(Parameter):
    """The period that can be booked now."""

    kind = "date"

    def match(self, name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """Match schedules whose horizon overlaps the date."""
        date, now = dates.read(name, text, asked.zone), asked.site.now
        if date.prefix == "ne":
            date = dates.Given("ge", date.high, date.high)
        condition: Condition | None = None
        for low, high in date.periods():
            if high is not None and high <= now:
                continue
            days = 0.0 if low is None else (low - now) / timedelta(days=1)
            reaches_date = Schedule.horizon_days > days
            condition = reaches_date if condition is None else condition | reaches_date
        return condition


RESOURCE = Resource(
    name="Schedule",
    rule=Rule.PUBLIC,
    seen=by_anybody,
    about="Practitioners at a centre, and services of departments, that can be booked.",
    rows=SUBJECTS,
    entities=(Schedule,),
    options=LOADED,
    key=Schedule.id,
    read_id=read_number,
    changed=SUBJECT_CHANGED,
    show=show,
    parameters={
        "actor": Reference(
            "The practitioner, role, service or centre.",
            {
                "Practitioner": (Schedule.practitioner_id, read_number),
                "PractitionerRole": (Schedule.id, read_number),
                "HealthcareService": (Schedule.service_id, read_number),
                "Location": (Centre.id, read_number),
            },
            path=("actor",),
        ),
        "date": Horizon("A time within the planning horizon."),
        "active": flag("True if the schedule itself can be booked.", Schedule.active),
        **subject.CODES,
    },
)
