"""Ratings with their averages, and favourites."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, func, or_, select
from sqlalchemy.orm import Session

from openslot.booking.models import Appointment, Status
from openslot.core.db import changed
from openslot.directory.models import Centre, Department, Practitioner
from openslot.feedback.models import Favourite, Rating
from openslot.schedules.models import Schedule

RatedKind = Literal["practitioner", "centre"]
Rated = tuple[RatedKind, int]
FavouriteKind = Literal["practitioner", "centre", "department"]
FavouriteKey = tuple[FavouriteKind, int]


@dataclass(frozen=True, slots=True)
class Average:
    """Stars from 1 to 5, and how many patients gave them."""

    stars: float
    count: int


def averages(session: Session, wanted: Iterable[Rated] | None = None) -> dict[Rated, Average]:
    """The averages of practitioners and centres that have ratings; one statement.

    ``wanted`` None, or very many, reads all.
    """
    query = select(
        Rating.practitioner_id, Rating.centre_id, func.avg(Rating.stars), func.count()
    ).group_by(Rating.practitioner_id, Rating.centre_id)
    named = list(wanted or ())
    if wanted is not None and len(named) <= 500:
        practitioners = [key for kind, key in named if kind == "practitioner"]
        centres = [key for kind, key in named if kind == "centre"]
        query = query.where(
            Rating.practitioner_id.in_(practitioners) | Rating.centre_id.in_(centres)
        )
    result: dict[Rated, Average] = {}
    for practitioner_id, centre_id, stars, count in session.execute(query):
        key: Rated = (
            ("practitioner", practitioner_id)
            if practitioner_id is not None
            else ("centre", centre_id)
        )
        result[key] = Average(float(stars), count)
    return result


# Ratings of one practitioner or centre

AFTER_APPOINTMENT = (
    select(Appointment.id)
    .join(Schedule, Schedule.id == Appointment.schedule_id)
    .where(
        Appointment.patient_id == Rating.patient_id,
        Appointment.status == Status.FULFILLED,
        or_(
            Schedule.practitioner_id == Rating.practitioner_id,
            Schedule.centre_id == Rating.centre_id,
        ),
    )
    .correlate(Rating)
    .exists()
)
"""Whether who rates has been there: had an appointment with that practitioner, or at that
centre."""


class Given(NamedTuple):
    """A rating without who gave it."""

    stars: int
    rated_at: datetime
    is_after_appointment: bool


class Summary(NamedTuple):
    """How many ratings there are, their average, and how many came after an appointment."""

    ratings: int
    stars: float
    after_appointments: int


def summary(session: Session, kind: RatedKind, subject_id: int) -> Summary:
    """The ratings of one practitioner or centre together; one statement."""
    query = select(
        func.count(), func.avg(Rating.stars), func.count(case((AFTER_APPOINTMENT, 1)))
    ).where(_rated(kind, subject_id))
    count, stars, after_appointments = session.execute(query).one()
    return Summary(count, float(stars or 0), after_appointments)


def given(
    session: Session, kind: RatedKind, subject_id: int, *, limit: int, offset: int = 0
) -> list[Given]:
    """The ratings of one practitioner or centre, newest first; one statement."""
    query = (
        select(Rating.stars, Rating.rated_at, case((AFTER_APPOINTMENT, 1), else_=0))
        .where(_rated(kind, subject_id))
        .order_by(Rating.rated_at.desc(), Rating.id)
        .limit(limit)
        .offset(offset)
    )
    return [Given(stars, at, bool(after)) for stars, at, after in session.execute(query)]


def rating_by(
    session: Session, patient_id: UUID, kind: RatedKind, subject_id: int
) -> Rating | None:
    """What a patient gave."""
    query = select(Rating).where(Rating.patient_id == patient_id, _rated(kind, subject_id))
    return session.scalar(query)


def keep(session: Session, row: Rating | Favourite) -> None:
    """Write a new rating or favourite; who was faster with the same one makes it fail."""
    session.add(row)
    session.flush()


def drop_rating(session: Session, patient_id: UUID, kind: RatedKind, subject_id: int) -> bool:
    """Take a patient's rating away; whether there was one."""
    query = delete(Rating).where(Rating.patient_id == patient_id, _rated(kind, subject_id))
    return bool(changed(session, query))


def _rated(kind: RatedKind, subject_id: int) -> ColumnElement[bool]:
    column = Rating.practitioner_id if kind == "practitioner" else Rating.centre_id
    return column == subject_id


# Favourites


class Liked(NamedTuple):
    """A favourite with what a list shows of it."""

    kind: FavouriteKind
    id: int
    name: str
    about: str
    where: str


def favourites(session: Session, account_id: UUID | None) -> frozenset[FavouriteKey]:
    """What an account keeps at hand, by kind and id; one statement, none for nobody."""
    if account_id is None:
        return frozenset()
    query = select(Favourite.practitioner_id, Favourite.centre_id, Favourite.department_id).where(
        Favourite.account_id == account_id
    )
    return frozenset(_key(*row) for row in session.execute(query))


def _key(practitioner: int | None, centre: int | None, department: int | None) -> FavouriteKey:
    if practitioner is not None:
        return "practitioner", practitioner
    if centre is not None:
        return "centre", centre
    return "department", department or 0


def liked(session: Session, account_id: UUID) -> list[Liked]:
    """What an account keeps at hand and is still there, by kind and name; one statement."""
    return sorted(
        (_liked(*row) for row in session.execute(_things(account_id))),
        key=lambda one: (one.kind, one.name.casefold()),
    )


def _things(account_id: UUID) -> Any:
    # Any: versions 2.0 and 2.1 of SQLAlchemy name the type of this select differently.
    place = or_(Centre.id == Favourite.centre_id, Centre.id == Department.centre_id)
    return (
        select(Practitioner, Department, Centre)
        .select_from(Favourite)
        .outerjoin(
            Practitioner,
            and_(Practitioner.id == Favourite.practitioner_id, Practitioner.active.is_(True)),
        )
        .outerjoin(
            Department,
            and_(Department.id == Favourite.department_id, Department.active.is_(True)),
        )
        .outerjoin(Centre, and_(place, Centre.active.is_(True)))
        .where(
            Favourite.account_id == account_id,
            or_(Practitioner.id.is_not(None), Centre.id.is_not(None)),
        )
    )


def _liked(
    practitioner: Practitioner | None, department: Department | None, centre: Centre | None
) -> Liked:
    if practitioner is not None:
        about = ", ".join(filter(None, (practitioner.profession, practitioner.expertise)))
        return Liked("practitioner", practitioner.id, practitioner.name, about, "")
    if centre is None:
        raise LookupError("a favourite of nothing")
    if department is not None:
        return Liked("department", department.id, department.name, centre.name, centre.suburb)
    return Liked("centre", centre.id, centre.name, centre.type, centre.suburb)


def drop_favourite(
    session: Session, account_id: UUID, kind: FavouriteKind, subject_id: int
) -> None:
    """Take a favourite of an account away, if it is one."""
    columns = {
        "practitioner": Favourite.practitioner_id,
        "centre": Favourite.centre_id,
        "department": Favourite.department_id,
    }
    mine = Favourite.account_id == account_id
    session.execute(delete(Favourite).where(mine, columns[kind] == subject_id))


def favourites_of(
    session: Session, account_ids: Sequence[UUID]
) -> dict[UUID, frozenset[FavouriteKey]]:
    """What each of the accounts keeps at hand; one statement."""
    query = select(
        Favourite.account_id,
        Favourite.practitioner_id,
        Favourite.centre_id,
        Favourite.department_id,
    ).where(Favourite.account_id.in_(account_ids))
    found: dict[UUID, set[FavouriteKey]] = {}
    for account_id, *subject in session.execute(query):
        found.setdefault(account_id, set()).add(_key(*subject))
    return {account_id: frozenset(keys) for account_id, keys in found.items()}
