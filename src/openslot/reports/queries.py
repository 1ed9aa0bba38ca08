"""Selects for reports: slim rows without any names of people."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.directory.models import Centre, Practitioner, Profession
from openslot.reports.figures import COUNTED, Booked, Offer
from openslot.reports.rules import SERVICES, Question, Scope
from openslot.schedules.models import Schedule


def offers(session: Session, scope: Scope) -> dict[int, Offer]:
    """Return everything in the scope that can or could be booked, by schedule id; one statement."""
    query = _with_practitioners(
        select(
            Schedule.id,
            Centre.id,
            Centre.name,
            Practitioner.profession,
            Profession.name,
            Centre.time_zone,
        )
    )
    query = query.join(Centre, Centre.id == Schedule.centre_id).outerjoin(
        Profession, Profession.code == Practitioner.profession
    )
    return {
        key: Offer(centre_id, name, kind or SERVICES, kind_name or "", ZoneInfo(zone))
        for key, centre_id, name, kind, kind_name, zone in session.execute(
            query.where(*_within(scope))
        )
    }


def wanted(question: Question) -> tuple[ColumnElement[bool], ...]:
    """Match the schedules of a question; needs the columns of Schedule and Practitioner."""
    conditions = [*_within(question.scope)]
    if question.centre_id is not None:
        conditions.append(Schedule.centre_id == question.centre_id)
    if question.kind == SERVICES:
        conditions.append(Schedule.practitioner_id.is_(None))
    elif question.kind is not None:
        conditions.append(Practitioner.profession == question.kind)
    return tuple(conditions)


def appointments(
    session: Session, question: Question, starts: datetime, ends: datetime
) -> Collection[Booked]:
    """Return the appointments of a question that overlap the time; one statement."""
    query = select(
        Appointment.schedule_id,
        Appointment.starts_at,
        Appointment.ends_at,
        Appointment.status,
        Appointment.created_at,
    ).join(Schedule, Schedule.id == Appointment.schedule_id)
    if question.kind is not None:
        query = query.outerjoin(Practitioner, Practitioner.id == Schedule.practitioner_id)
    query = query.where(
        *wanted(question),
        Appointment.status.in_(COUNTED),
        Appointment.starts_at < ends,
        Appointment.ends_at > starts,
    )
    return [Booked._make(row) for row in session.execute(query)]


def _within(scope: Scope) -> tuple[ColumnElement[bool], ...]:
    if scope.centre_id is not None:
        return (Schedule.centre_id == scope.centre_id,)
    if scope.practitioner_id is not None:
        return (Schedule.practitioner_id == scope.practitioner_id,)
    return ()


def _with_practitioners(query: Any) -> Any:
    # Any: versions 2.0 and 2.1 of SQLAlchemy name the type of this select differently.
    return query.select_from(Schedule).outerjoin(
        Practitioner, Practitioner.id == Schedule.practitioner_id
    )
