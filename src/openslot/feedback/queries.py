"""Selects of ratings, their averages and favourites, and the writing of rows."""

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
    """The average of 1 to 5 stars, and the number of ratings."""

    stars: float
    count: int


def averages(session: Session, wanted: Iterable[Rated] | None = None) -> dict[Rated, Average]:
    """Return the averages of practitioners and centres that have ratings; one statement.

    With ``wanted`` None, or of more than 500, all are read.
    """
    query = select(
        Rating.practitioner_id, Rating.centre_id, func.avg(Rating.stars), func.count()
    ).group_by(Rating.practitioner_id, Rating.centre_id)
    subjects = list(wanted or ())
    if wanted is not None and len(subjects) <= 500:
        practitioners = [key for kind, key in subjects if kind == "practitioner"]
        centres = [key for kind, key in subjects if kind == "centre"]
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
"""Match ratings by patients with a fulfilled appointment with that practitioner or at that
centre."""


class Given(NamedTuple):
    """A rating without its author."""

    stars: int
    rated_at: datetime
    is_after_appointment: bool


class Summary(NamedTuple):
    """The number of ratings, their average, and how many followed an appointment."""

    ratings: int
    stars: float
    after_appointments: int


def summary(session: Session, kind: RatedKind, subject_id: int) -> Summary:
    """Return the summary of one practitioner's or centre's ratings; one statement."""
    query = select(
        func.count(), func.avg(Rating.stars), func.count(case((AFTER_APPOINTMENT, 1)))
    ).where(_rated(kind, subject_id))
    count, stars, after_appointments = session.execute(query).one()
    return Summary(count, float(stars or 0), after_appointments)


def given(
    session: Session, kind: RatedKind, subject_id: int, *, limit: int, offset: int = 0
) -> list[Given]:
    """Return one practitioner's or centre's ratings, the newest first; one statement."""
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
    """Return a patient's rating, or None; one statement."""
    query = select(Rating).where(Rating.patient_id == patient_id, _rated(kind, subject_id))
    return session.scalar(query)


def keep(session: Session, row: Rating | Favourite) -> None:
    """Store a new rating or favourite; a unique key fails if there is the same one already."""
    session.add(row)
    session.flush()


def drop_rating(session: Session, patient_id: UUID, kind: RatedKind, subject_id: int) -> bool:
    """Delete a patient's rating; return True if there was one."""
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
    """Return the keys of an account's favourites; one statement, none without an account."""
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
    """Return an account's active favourites by kind and name; one statement."""
    favourites = (_liked(*row) for row in session.execute(_active_favourites(account_id)))
    return sorted(favourites, key=lambda favourite: (favourite.kind, favourite.name.casefold()))


def _active_favourites(account_id: UUID) -> Any:
    # Any: versions 2.0 and 2.1 of SQLAlchemy name the type of this select differently.
    centre_of_favourite = or_(Centre.id == Favourite.centre_id, Centre.id == Department.centre_id)
    return (
        select(Practitioner, Department, Centre)
        .select_from(Favourite)
        .outerjoin(
            Practitioner,
            and_(Practitioner.id == Favourite.practitioner_id, Practitioner.active.is_(True)),
        )
        .outerjoin(
            Department, and_(Department.id == Favourite.department_id, Department.active.is_(True))
        )
        .outerjoin(Centre, and_(centre_of_favourite, Centre.active.is_(True)))
        .where(
            Favourite.account_id == account_id,
            or_(Practitioner.id.is_not(None), Centre.id.is_not(None)),
        )
    )


def _liked(
    practitioner: Practitioner | None, department: Department | None, centre: Centre | None
) -> Liked:
    if practitioner is not None:
        about = ", ".join(filter(None, (practitioner.profession_name, practitioner.expertise)))
        return Liked("practitioner", practitioner.id, practitioner.name, about, "")
    if centre is None:
        raise LookupError("a favourite without a subject")
    if department is not None:
        return Liked("department", department.id, department.name, centre.name, centre.suburb)
    return Liked("centre", centre.id, centre.name, centre.type, centre.suburb)


def drop_favourite(
    session: Session, account_id: UUID, kind: FavouriteKind, subject_id: int
) -> None:
    """Delete an account's favourite, if it is one."""
    columns = {
        "practitioner": Favourite.practitioner_id,
        "centre": Favourite.centre_id,
        "department": Favourite.department_id,
    }
    of_account = Favourite.account_id == account_id
    session.execute(delete(Favourite).where(of_account, columns[kind] == subject_id))


def favourites_of(
    session: Session, account_ids: Sequence[UUID]
) -> dict[UUID, frozenset[FavouriteKey]]:
    """Return the keys of the favourites of several accounts; one statement."""
    query = select(
        Favourite.account_id,
        Favourite.practitioner_id,
        Favourite.centre_id,
        Favourite.department_id,
    ).where(Favourite.account_id.in_(account_ids))
    keys_by_account: dict[UUID, set[FavouriteKey]] = {}
    for account_id, *subject in session.execute(query):
        keys_by_account.setdefault(account_id, set()).add(_key(*subject))
    return {account_id: frozenset(keys) for account_id, keys in keys_by_account.items()}


# Merging of patients


def ratings_of(session: Session, patient_id: UUID) -> Sequence[Rating]:
    """Return all ratings of a patient; one statement."""
    query = select(Rating).where(Rating.patient_id == patient_id).order_by(Rating.id)
    return session.scalars(query).all()


def favourite_rows(session: Session, account_id: UUID) -> Sequence[Favourite]:
    """Return all favourites of an account; one statement."""
    query = select(Favourite).where(Favourite.account_id == account_id).order_by(Favourite.id)
    return session.scalars(query).all()


def key_of(row: Favourite) -> FavouriteKey:
    """Return what is the favourite."""
    return _key(row.practitioner_id, row.centre_id, row.department_id)


def drop(session: Session, row: Rating) -> None:
    """Delete a rating."""
    session.delete(row)
    session.flush()
