"""Queries of what patients have booked: beside what, how much, and with whom."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, func, inspect, or_, select
from sqlalchemy.orm import Session

from openslot.booking.models import Appointment, Status
from openslot.booking.queries import Condition, live_or_done, to_come
from openslot.booking.rules import Upcoming
from openslot.core.db import LostRace, check_later, is_in_group, read_rows
from openslot.core.people import read_about
from openslot.core.rows import as_read
from openslot.core.statements import Prepared
from openslot.directory.models import DirectoryVersion, Patient, Service
from openslot.schedules.diaries import rest_on_whole, version_of_whole
from openslot.schedules.models import Schedule
from openslot.schedules.rules import KnownBy, Place


def patient_with(
    session: Session, patient_id: UUID, one_a_day: str | None, *, counts_holds: bool = False
) -> tuple[Patient | None, list[Appointment]]:
    """Return a patient with their holds and the appointment with the daily key, in one statement;
    two if there are any. With ``counts_holds``, nobody else adds any until they are counted and one
    is added."""
    statement = _COLUMNS_WANTED_AND_VERSION if counts_holds else _COLUMNS_AND_WANTED
    rows = read_rows(session, statement, {"patient": patient_id, "one_a_day": one_a_day})
    if not rows:
        return None, []
    read_about(session, [patient_id])
    patient = as_read(session, Patient, dict(zip(_COLUMNS, rows[0], strict=False)))
    if counts_holds:
        rest_on_whole(session, patient.diary_id, rows[0][-1])
    ids = [row[len(_COLUMNS)] for row in rows]
    return patient, _by_ids(session, [one for one in ids if one is not None])


def patient_with_number(
    session: Session, patient_id: UUID, one_a_day: str | None, *, place: Place, now: datetime
) -> tuple[Patient | None, list[Appointment], Upcoming]:
    """Return the same, and how many upcoming appointments the patient has, in all, with the
    practitioner of the place and for its service, in one statement; two as there. What is claimed
    next rests on these numbers."""
    upcoming = (
        select(func.count())
        .select_from(Appointment)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .where(Appointment.patient_id == patient_id, to_come(now))
    )
    with_practitioner = upcoming.where(Schedule.practitioner_id == place.practitioner_id)
    of_service = upcoming.where(_for_service(place))
    rows = session.execute(
        _PATIENT_AND_WANTED.add_columns(
            upcoming.correlate(None).scalar_subquery(),
            with_practitioner.correlate(None).scalar_subquery(),
            of_service.correlate(None).scalar_subquery(),
            _VERSION,
        ),
        {"patient": patient_id, "one_a_day": one_a_day},
    ).all()
    if not rows:
        return None, [], Upcoming(0, 0, 0)
    patient, _, *numbers, version = rows[0]
    rest_on_whole(session, patient.diary_id, version)
    appointments = _by_ids(session, [row[1] for row in rows if row[1] is not None])
    return patient, appointments, Upcoming(*numbers)


def _by_ids(session: Session, ids: Collection[UUID]) -> list[Appointment]:
    """Return appointments; most patients have none in the way of a booking, and to say so takes
    one column instead of all."""
    return list(session.scalars(_APPOINTMENTS, {"ids": ids})) if ids else []


_APPOINTMENTS = select(Appointment).where(Appointment.id.in_(bindparam("ids", expanding=True)))


def number_on_day(session: Session, patient_id: UUID, place: Place, day: date) -> int:
    """Return how many appointments for the service of the place the patient has or had on a day
    there. What is claimed next rests on it."""
    starts = datetime.combine(day, time(), place.zone)
    on_day = select(func.count()).where(
        Appointment.patient_id == Patient.id,
        _for_service(place),
        live_or_done(),
        Appointment.starts_at >= starts,
        Appointment.starts_at < starts + timedelta(days=1),
    )
    query = select(on_day.scalar_subquery(), Patient.diary_id, _VERSION)
    row = session.execute(query.where(Patient.id == patient_id)).one_or_none()
    if row is None:
        return 0
    number, diary_id, version = row
    rest_on_whole(session, diary_id, version)
    return int(number or 0)


def _for_service(place: Place) -> Condition:
    """Return the condition for appointments for the service of a place, wherever it is offered."""
    if place.service_id is None:
        return Appointment.schedule_id == place.schedule_id
    return Appointment.service_id == place.service_id


def _beside_wanted(*patient: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(*patient, Appointment.id)
        .select_from(Patient)
        .outerjoin(
            Appointment,
            and_(
                Appointment.patient_id == Patient.id,
                or_(
                    Appointment.status == Status.HELD,
                    Appointment.one_a_day == bindparam("one_a_day"),
                ),
            ),
        )
        .where(Patient.id == bindparam("patient"))
    )


_VERSION = version_of_whole(Patient.diary_id)
_PATIENT_AND_WANTED = _beside_wanted(Patient)
_COLUMNS = tuple(inspect(Patient).columns.keys())
_EACH_AND_WANTED = _beside_wanted(*(getattr(Patient, name) for name in _COLUMNS))
_COLUMNS_AND_WANTED = Prepared(_EACH_AND_WANTED)
_COLUMNS_WANTED_AND_VERSION = Prepared(_EACH_AND_WANTED.add_columns(_VERSION))


def known_to(session: Session, patient_ids: Collection[UUID]) -> dict[UUID, set[KnownBy]]:
    """Return whom each of the patients is known to: with whom they have an appointment that is
    live or fulfilled; one statement."""
    rows = session.execute(
        select(Appointment.patient_id, Schedule.practitioner_id, Service.department_id)
        .join(Schedule, Schedule.id == Appointment.schedule_id)
        .outerjoin(Service, Service.id == Schedule.service_id)
        .where(Appointment.patient_id.in_(patient_ids), live_or_done())
        .distinct()
    )
    known: dict[UUID, set[KnownBy]] = {patient_id: set() for patient_id in patient_ids}
    for patient_id, practitioner_id, department_id in rows:
        if patient_id is not None:
            known[patient_id].add((practitioner_id, department_id))
    return known


def as_it_is_now(session: Session, patient_id: UUID | None) -> tuple[int, bool]:
    """Return the version of the directory, and whether the patient is active; loaded rows may be
    older. In a group the patient is taken to be, and that is checked when it is written."""
    if is_in_group(session):
        check_later(session, _check_active, {patient_id: None} if patient_id else {})
        return 0, True
    ((version, is_active),) = read_rows(session, _AS_IT_IS_NOW, {"patient": patient_id})
    return version or 0, is_active is True


def _check_active(session: Session, patients: Mapping[UUID, None]) -> None:
    """Raise LostRace if one of the patients is not active."""
    named = {f"patient_{at}": patient_id for at, patient_id in enumerate(patients)}
    if named and len(read_rows(session, _active_of(len(named)), named)) != len(named):
        raise LostRace


@lru_cache(maxsize=64)
def _active_of(count: int) -> Prepared:
    named = [bindparam(f"patient_{at}", type_=Patient.id.type) for at in range(count)]
    return Prepared(select(Patient.id).where(Patient.id.in_(named), Patient.active))


_AS_IT_IS_NOW = Prepared(
    select(
        select(DirectoryVersion.number).scalar_subquery(),
        select(Patient.active).where(Patient.id == bindparam("patient")).scalar_subquery(),
    )
)
