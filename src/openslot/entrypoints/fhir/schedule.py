"""Schedule: a practitioner at a centre, or a department's service, that can be booked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.directory.models import Centre, Service
from openslot.entrypoints.fhir import dates, subject
from openslot.entrypoints.fhir.elements import Json, Site, instant, meta, reference, resource
from openslot.entrypoints.fhir.parameters import Reference, flag, read_number
from openslot.entrypoints.fhir.queries import OFFERED_ID, SCHEDULE_CHANGED, SUBJECTS, AnyOf
from openslot.entrypoints.fhir.resource import Asked, Parameter, Resource, by_anybody
from openslot.entrypoints.rules import Rule
from openslot.schedules.models import Schedule
from openslot.schedules.queries import LOADED, offered
from openslot.schedules.rules import Offered


class Row(NamedTuple):
    """A schedule with the services that it offers, and when it or one of them last changed."""

    subject: Schedule
    changed: datetime
    offered: Sequence[Offered] = ()


def show(row: Row, site: Site) -> Json:
    """Return the schedule; its horizon starts today, so it has a new version every day."""
    schedule, centre = row.subject, row.subject.centre
    today = _today(site.now, ZoneInfo(centre.time_zone))
    version = f"{meta(row.changed)['versionId']}-{today:%Y%m%d}"
    practitioner, service = schedule.practitioner, schedule.service
    services: Sequence[Service | Offered] = [service] if service else row.offered
    ids = [service.id] if service else [one.service_id for one in row.offered]
    profession = [] if service else subject.profession_as_service(schedule, site)
    categories = [subject.service_category(one, site) for one in services]
    return resource(
        "Schedule",
        schedule.id,
        meta(row.changed, version),
        active=subject.is_bookable(schedule),
        serviceCategory=[one for at, one in enumerate(categories) if one not in categories[:at]],
        serviceType=[*profession, *(subject.service_type(one, site) for one in services)],
        specialty=subject.coded_specialty(schedule, site),
        actor=[
            reference("Practitioner", practitioner.id, practitioner.name) if practitioner else None,
            reference("PractitionerRole", schedule.id) if practitioner else None,
            *(
                reference("HealthcareService", key, one.name)
                for key, one in zip(ids, services, strict=True)
            ),
            reference("Location", centre.id, centre.name),
        ],
        planningHorizon={
            "start": instant(today),
            "end": instant(today + timedelta(days=schedule.horizon_days)),
        },
    )


def _with_offered(session: Session, rows: Sequence[Row]) -> Sequence[Row]:
    services = offered(session, Schedule.id.in_([row.subject.id for row in rows]))
    return [row._replace(offered=services.get(row.subject.id, ())) for row in rows]


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
    about="Practitioners at a centre, with the services they offer there, and services of "
    "departments, that can be booked.",
    rows=SUBJECTS,
    entities=(Schedule, SCHEDULE_CHANGED),
    options=LOADED,
    make=Row,
    complete=_with_offered,
    key=Schedule.id,
    read_id=read_number,
    changed=SCHEDULE_CHANGED,
    show=show,
    parameters={
        "actor": Reference(
            "The practitioner, role, service or centre.",
            {
                "Practitioner": (Schedule.practitioner_id, read_number),
                "PractitionerRole": (Schedule.id, read_number),
                "HealthcareService": (AnyOf(Schedule.service_id, OFFERED_ID), read_number),
                "Location": (Centre.id, read_number),
            },
            path=("actor",),
        ),
        "date": Horizon("A time within the planning horizon."),
        "active": flag("True if the schedule itself can be booked.", Schedule.active),
        **subject.CODES,
    },
)
