"""Reading the accounts that mail goes to, and the appointments of mails and calendars."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from openslot.booking import queries as booking
from openslot.booking.diaries import that_need_practitioner
from openslot.booking.models import Appointment, GroupSession, Status
from openslot.booking.sessions import queries as sessions
from openslot.core.actor import Role
from openslot.department_requests.models import ServiceRequest
from openslot.directory.models import StaffMember
from openslot.directory.queries import Standing
from openslot.identity.models import Account, CalendarFeed
from openslot.notifications.models import Preference
from openslot.schedules.models import Schedule

SHOWN = (Status.BOOKED, Status.ARRIVED, Status.FULFILLED, Status.NO_SHOW)
"""The statuses that a calendar shows: neither holds nor what was cancelled."""


class Owner(NamedTuple):
    """A calendar address with the account that it belongs to."""

    feed: CalendarFeed
    account: Account


class AsItIs(NamedTuple):
    """What of an appointment says whether an event about it is stale."""

    status: Status
    version: int
    schedule_id: int
    starts_at: datetime
    ends_at: datetime


def as_they_are(session: Session, ids: Collection[UUID]) -> dict[UUID, AsItIs]:
    """Return this of appointments by their ids, of those that there are, in one statement."""
    columns = (getattr(Appointment, name) for name in AsItIs._fields)
    query = select(Appointment.id, *columns).where(Appointment.id.in_(ids))
    return {row[0]: AsItIs(*row[1:]) for row in session.execute(query)} if ids else {}


def staff_of(session: Session, department_id: int) -> Sequence[Account]:
    """Return the active accounts of a department's staff, by email address."""
    return session.scalars(
        select(Account)
        .join(StaffMember, StaffMember.account_id == Account.id)
        .where(
            StaffMember.department_id == department_id,
            StaffMember.waits.is_(False),
            Account.active.is_(True),
            Account.confirmed_at.isnot(None),
        )
        .order_by(Account.email)
    ).all()


def administrators(session: Session, practitioner_id: int) -> Sequence[Account]:
    """Return the administrators of the centres where a practitioner works, else of the network."""
    works = select(Schedule.centre_id).where(
        Schedule.practitioner_id == practitioner_id, Schedule.active.is_(True)
    )
    query = (
        select(Account)
        .join(StaffMember, StaffMember.account_id == Account.id)
        .where(
            StaffMember.centre_id.in_(works),
            StaffMember.waits.is_(False),
            Account.role == Role.CENTRE_ADMIN,
            Account.active.is_(True),
        )
    )
    found = session.scalars(query.order_by(Account.email)).all()
    if found:
        return found
    network = select(Account).where(Account.role == Role.NETWORK_ADMIN, Account.active.is_(True))
    return session.scalars(network.order_by(Account.email)).all()


def preferences(session: Session, account_ids: Collection[UUID]) -> dict[UUID, Preference]:
    """Return what the accounts have chosen, by their ids; those without a choice are missing."""
    rows = session.scalars(select(Preference).where(Preference.account_id.in_(account_ids)))
    return {row.account_id: row for row in rows}


def owner_of(session: Session, token_hash: bytes) -> Owner | None:
    """Return the active account whose calendar has this address; one statement."""
    row = session.execute(
        select(CalendarFeed, Account)
        .join(Account, Account.id == CalendarFeed.account_id)
        .where(CalendarFeed.token_hash == token_hash, Account.active.is_(True))
    ).first()
    return Owner(row[0], row[1]) if row else None


def calendar_of(session: Session, standing: Standing, *, since: datetime) -> list[Appointment]:
    """Return the appointments that a calendar shows; one statement."""
    whose = _whose(standing)
    if whose is None:
        return []
    return booking.appointments(
        session, whose, Appointment.status.in_(SHOWN), Appointment.ends_at > since
    )


def parts_of(
    session: Session, standing: Standing, *, since: datetime
) -> list[Appointment | GroupSession]:
    """Return the appointments and sessions of others that need a practitioner, as a calendar shows
    them; two statements, up to four if there are any, none for others."""
    if standing.practitioner_id is None:
        return []
    return that_need_practitioner(
        session,
        standing.practitioner_id,
        Appointment.status.in_(SHOWN),
        Appointment.ends_at > since,
        groups=sessions.ending_after(since),
    )


def empty_sessions_of(
    session: Session, standing: Standing, *, since: datetime
) -> list[GroupSession]:
    """Return the sessions of those who give care that nobody has booked yet, whose time is taken
    all the same; one statement, two if there are any, none for patients."""
    if standing.practitioner_id is not None:
        whose = sessions.run_by(standing.practitioner_id)
    elif standing.department_id is not None:
        whose = booking.in_department(standing.department_id)
    else:
        return []
    return sessions.page(session, whose, sessions.ending_after(since), sessions.is_empty())


def _whose(standing: Standing) -> ColumnElement[bool] | None:
    if standing.patient_id is not None:
        return booking.of_patients({standing.patient_id, *standing.dependents})
    if standing.practitioner_id is not None:
        return booking.of_practitioner(standing.practitioner_id)
    if standing.department_id is not None:
        asked_for = select(ServiceRequest.appointment_id).where(
            ServiceRequest.department_id == standing.department_id,
            ServiceRequest.appointment_id.is_not(None),
        )
        own = booking.in_department(standing.department_id)
        return or_(own, Appointment.id.in_(asked_for))
    return None
