"""Merging a duplicate record of a patient into the right one, and undoing it.

Everything that belongs to the duplicate moves to the patient, in one transaction: appointments with
their time, the health record, emergency accesses, referrals, places on waiting lists, requests,
ratings, people cared for, and the account or the carer. The duplicate keeps its own details, is
inactive, and names the patient in ``merged_into``. Only administrators of the network merge: who
does it opens a record to everybody who may read the other one.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from openslot.booking import queries as booking
from openslot.booking import reassigning
from openslot.booking.models import Appointment, Status
from openslot.core import audit
from openslot.core.errors import NotFound
from openslot.core.folding import folded
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.tables import Base
from openslot.core.work import Work
from openslot.directory import contacts, queries
from openslot.directory.errors import (
    AlreadyUndone,
    BothManaged,
    CareForEachOther,
    CarerCaredFor,
    MergedFurther,
    PatientErased,
    SamePatient,
)
from openslot.directory.merges import queries as merges
from openslot.directory.models import Dependent, Patient, PatientMerge
from openslot.directory.rules import may_run_network
from openslot.feedback import queries as feedback
from openslot.feedback.models import Rating
from openslot.identity import commands as identity
from openslot.identity import queries as identities
from openslot.waiting_list import search as waiting

FILLED = ("born", "email", "phone", "medicare_number", "time_zone", "language")
"""Details that the patient takes from the duplicate where they have none."""

_HOLDS = frozenset({Status.HELD, Status.EXPIRED})


class DroppedRating(BaseModel):
    """A rating that a newer one of the same person replaced."""

    id: UUID
    patient_id: UUID
    practitioner_id: int | None
    centre_id: int | None
    stars: int
    rated_at: datetime

    @classmethod
    def of(cls, rating: Rating) -> Self:
        """Return the values of a rating."""
        return cls.model_validate({name: getattr(rating, name) for name in cls.model_fields})


class Moved(BaseModel):
    """What a merge moved and changed, as ``patient_merge.moved`` stores it.

    ``rows`` has the ids by table, ``keyless`` the appointments without their daily key. ``empty``
    are the details that the patient did not have. The account
    or the carer either moved (``account_id``, ``carer_id``) or lost access.
    """

    rows: dict[str, list[UUID]] = {}
    keyless: list[UUID] = []
    dropped_ratings: list[DroppedRating] = []
    empty: list[str] = []
    dependents: list[UUID] = []
    favourites: list[UUID] = []
    account_id: UUID | None = None
    ended_account_id: UUID | None = None
    carer_id: UUID | None = None
    ended_carer_id: UUID | None = None

    def stored(self) -> dict[str, Any]:
        """Return the value of the column."""
        return self.model_dump(mode="json")

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of rows by table, without the empty ones."""
        return {name: len(ids) for name, ids in sorted(self.rows.items()) if ids}


class Preview(BaseModel):
    """What a merge would move, for people who decide about it."""

    counts: dict[str, int]
    dependents: int
    filled: list[str]
    account_moves: bool
    carer_moves: bool
    needs_choice: bool
    overlaps: list[tuple[UUID, UUID]] = Field(description="Appointments at the same time.")


def preview(work: Work, patient_id: UUID, duplicate_id: UUID) -> Preview:
    """Return what merging would move. Raises what :func:`merge` raises, except BothBusy and
    BothManaged, of which it tells."""
    patient, duplicate = _pair(work, patient_id, duplicate_id)
    appointments = booking.whole(work.session, Appointment.patient_id == duplicate_id)
    own = booking.whole(work.session, Appointment.patient_id == patient_id)
    counts = {
        "appointment": sum(one.status not in _HOLDS for one in appointments),
        **{
            name: len(merges.rows_of(work.session, table, duplicate_id))
            for name, table in merges.tables_of_patients().items()
        },
        "rating": len(feedback.ratings_of(work.session, duplicate_id)),
    }
    carers = _carers(work, patient, duplicate)
    both = _both_managed(patient, duplicate, carers)
    return Preview(
        counts={name: count for name, count in counts.items() if count},
        dependents=len(queries.dependents_of(work.session, duplicate_id)),
        filled=_to_fill(patient, duplicate),
        account_moves=duplicate.account_id is not None and not both,
        carer_moves=carers[1] is not None and not both and carers[0] != carers[1],
        needs_choice=both,
        overlaps=[(one.id, other.id) for one, other in reassigning.overlaps(appointments, own)],
    )


def merge(
    work: Work, patient_id: UUID, duplicate_id: UUID, *, end_access: bool = False
) -> PatientMerge:
    """Merge the duplicate into the patient; all of it moves, or nothing.

    With ``end_access`` the account of the duplicate is deactivated, and its carer loses access, if
    the patient has an account or a carer as well. Raises Forbidden, SamePatient, NotFound for
    inactive patients, CareForEachOther, CarerCaredFor, BothManaged, and BothBusy with the
    appointments that are at the same time.
    """
    _pair(work, patient_id, duplicate_id)
    _lock(work, patient_id, duplicate_id)
    patient, duplicate = _pair(work, patient_id, duplicate_id)
    moved = Moved(empty=[name for name in FILLED if not getattr(patient, name)])
    _move_appointments(work, patient, duplicate, moved)
    for name, table in merges.tables_of_patients().items():
        ids = merges.rows_of(work.session, table, duplicate_id)
        merges.give_rows(work.session, table, ids, patient_id)
        moved.rows[name] = ids
    _move_ratings(work, patient_id, duplicate_id, moved)
    _move_people(work, patient, duplicate, moved, end_access=end_access)
    old = contacts.contact_of(patient)
    for name in _to_fill(patient, duplicate):
        setattr(patient, name, getattr(duplicate, name))
    contacts.note_change(work, patient, old)
    duplicate.active, duplicate.merged_into = False, patient_id
    patient.changed_at = duplicate.changed_at = work.now
    merge_row = PatientMerge(
        id=new_id(),
        patient_id=patient_id,
        duplicate_id=duplicate_id,
        moved=moved.stored(),
        merged_at=work.now,
        merged_by=work.actor.account_id,
    )
    merges.add_merge(work.session, merge_row)
    _record(work, merge_row, ("merged", "closed"), **moved.counts)
    return merge_row


def unmerge(work: Work, merge_id: UUID) -> PatientMerge:
    """Undo a merge: what was moved goes back as it is now, with what hangs on it since, such as the
    correction of a moved note. If an account or a carer goes back, so do the details that they may
    have entered. What else was added since stays with the patient.

    Raises Forbidden, NotFound, AlreadyUndone, MergedFurther if the patient was merged into another
    since, and PatientErased.
    """
    may_run_network(work.actor)
    merge_row = merges.merge(work.session, merge_id)
    _lock(work, merge_row.patient_id, merge_row.duplicate_id)
    work.session.refresh(merge_row)
    patient, duplicate = _undoable(work, merge_row)
    moved = Moved.model_validate(merge_row.moved)
    rows = _going_back(work, patient.id, moved)
    duplicate.active, duplicate.merged_into = True, None
    work.session.flush()
    _give_back_people(work, patient, duplicate, moved)
    _give_back(work, patient.id, duplicate, rows, moved)
    _give_back_details(work, patient, duplicate, moved)
    patient.changed_at = duplicate.changed_at = work.now
    merge_row.undone_at, merge_row.undone_by = work.now, work.actor.account_id
    _record(work, merge_row, ("unmerged", "reopened"))
    return merge_row


def follow(work: Work) -> int:
    """Move what was written for merged duplicates while they were merged, and return the number of
    such duplicates: a note, for example, that was saved at the same moment."""
    duplicates = merges.merged_with_rows(work.session)
    for duplicate_id in duplicates:
        merge_row = merges.standing_merge(work.session, duplicate_id)
        if merge_row is None:
            continue
        _lock(work, merge_row.patient_id, duplicate_id)
        work.session.refresh(merge_row)
        if merge_row.undone_at is None:
            _move_late(work, merge_row)
    return len(duplicates)


def _move_late(work: Work, merge_row: PatientMerge) -> None:
    moved = Moved.model_validate(merge_row.moved)
    for name, table in merges.tables_of_patients().items():
        ids = merges.rows_of(work.session, table, merge_row.duplicate_id)
        merges.give_rows(work.session, table, ids, merge_row.patient_id)
        moved.rows[name] = [*moved.rows.get(name, []), *ids]
    merge_row.moved = moved.stored()


# Checks


def _pair(work: Work, patient_id: UUID, duplicate_id: UUID) -> tuple[Patient, Patient]:
    may_run_network(work.actor)
    if patient_id == duplicate_id:
        raise SamePatient(field="duplicate_id")
    patient, duplicate = (_fresh(work, one) for one in (patient_id, duplicate_id))
    carers = _carers(work, patient, duplicate)
    if carers[0] == duplicate_id or carers[1] == patient_id:
        raise CareForEachOther(field="duplicate_id")
    is_cared_for = carers[0] or (carers[1] and patient.account_id is None)
    pair = (patient_id, duplicate_id)
    if is_cared_for and any(queries.dependents_of(work.session, one) for one in pair):
        raise CarerCaredFor(field="duplicate_id")
    return patient, duplicate


def _fresh(work: Work, patient_id: UUID) -> Patient:
    """Return an active patient as they are now, also if they were loaded before."""
    patient = queries.patient(work.session, patient_id, inactive=True)
    work.session.refresh(patient)
    if not patient.active:
        raise NotFound
    return patient


def _undoable(work: Work, merge_row: PatientMerge) -> tuple[Patient, Patient]:
    if merge_row.undone_at is not None:
        raise AlreadyUndone
    pair = (merge_row.patient_id, merge_row.duplicate_id)
    patient, duplicate = (queries.patient(work.session, one, inactive=True) for one in pair)
    for one in (patient, duplicate):
        work.session.refresh(one)
        if one.erased_at is not None:
            raise PatientErased
    if patient.merged_into is not None:
        raise MergedFurther(name=patient.name)
    return patient, duplicate


def _lock(work: Work, *patient_ids: UUID) -> None:
    """Let nobody else merge, undo or erase these patients at the same time."""
    for patient_id in sorted(patient_ids):
        lock(work.session, f"merging {patient_id}")


def _carers(work: Work, *patients: Patient) -> tuple[UUID | None, ...]:
    links = (queries.dependent(work.session, patient.id) for patient in patients)
    return tuple(link.carer_id if link else None for link in links)


def _both_managed(patient: Patient, duplicate: Patient, carers: tuple[UUID | None, ...]) -> bool:
    """Return whether both records have an account or a carer, and not the same carer."""
    if carers[0] is not None and carers[0] == carers[1]:
        return duplicate.account_id is not None or patient.account_id is not None
    is_managed = patient.account_id is not None or carers[0] is not None
    return is_managed and (duplicate.account_id is not None or carers[1] is not None)


def _to_fill(patient: Patient, duplicate: Patient) -> list[str]:
    return [name for name in FILLED if not getattr(patient, name) and getattr(duplicate, name)]


# Moving


def _move_appointments(work: Work, patient: Patient, duplicate: Patient, moved: Moved) -> None:
    reassigning.release_own_holds(work, [patient.id, duplicate.id])
    reassigning.close_diary(work, duplicate)
    appointments = booking.whole(work.session, Appointment.patient_id == duplicate.id)
    moved.rows["appointment"] = [appointment.id for appointment in appointments]
    moved.keyless = reassigning.reassign(work, appointments, patient)


def _move_ratings(work: Work, patient_id: UUID, duplicate_id: UUID, moved: Moved) -> None:
    """Move the ratings; of two of the same practitioner or centre only the newer one stays."""
    own = {
        (rating.practitioner_id, rating.centre_id): rating
        for rating in feedback.ratings_of(work.session, patient_id)
    }
    moved.rows["rating"] = []
    for rating in feedback.ratings_of(work.session, duplicate_id):
        other = own.get((rating.practitioner_id, rating.centre_id))
        older = other and min(rating, other, key=lambda one: one.rated_at)
        if older is not None:
            moved.dropped_ratings.append(DroppedRating.of(older))
            feedback.drop(work.session, older)
        if older is not rating:
            rating.patient_id = patient_id
            moved.rows["rating"].append(rating.id)
    work.session.flush()


def _move_people(
    work: Work, patient: Patient, duplicate: Patient, moved: Moved, *, end_access: bool
) -> None:
    """Move the dependents, and the account or carer of the duplicate, or end their access."""
    for dependent, link in queries.dependents_of(work.session, duplicate.id):
        link.carer_id = patient.id
        moved.dependents.append(dependent.id)
    carers = _carers(work, patient, duplicate)
    both = _both_managed(patient, duplicate, carers)
    if both and not end_access:
        raise BothManaged(field="end_access")
    _move_carer(work, patient, duplicate, moved, ends=both or carers[0] == carers[1])
    if duplicate.account_id is None:
        return
    if both:
        _end_account(work, patient, duplicate.account_id, moved)
    else:
        moved.account_id = duplicate.account_id
        _move_account(work, duplicate, patient)


def _move_carer(
    work: Work, patient: Patient, duplicate: Patient, moved: Moved, *, ends: bool
) -> None:
    link = queries.dependent(work.session, duplicate.id)
    if link is None:
        return
    queries.remove_dependent(work.session, link)
    if ends:
        moved.ended_carer_id = link.carer_id
        return
    moved.carer_id = link.carer_id
    values = {"invited": link.invited, "invited_at": link.invited_at}
    queries.add_dependent(work.session, _link(patient.id, link.carer_id, link.since, **values))


def _link(patient_id: UUID, carer_id: UUID, since: datetime, **more: Any) -> Dependent:
    return Dependent(patient_id=patient_id, carer_id=carer_id, since=since, **more)


def _move_account(work: Work, patient: Patient, to: Patient) -> None:
    account_id, patient.account_id = patient.account_id, None
    work.session.flush()
    to.account_id = account_id
    work.session.flush()


def _end_account(work: Work, patient: Patient, account_id: UUID, moved: Moved) -> None:
    """Deactivate the account of the duplicate; its favourites move to that of the patient."""
    account = identities.by_id(work.session, account_id)
    if account is not None and account.active:
        identity.set_active(work, account_id, False)
        moved.ended_account_id = account_id
    if patient.account_id is None:
        return
    own = feedback.favourites(work.session, patient.account_id)
    for favourite in feedback.favourite_rows(work.session, account_id):
        if feedback.key_of(favourite) not in own:
            favourite.account_id = patient.account_id
            moved.favourites.append(favourite.id)


# Undoing


def _going_back(work: Work, patient_id: UUID, moved: Moved) -> dict[str, set[UUID]]:
    """Return the ids of what goes back, by table."""
    every = merges.hanging_on(work.session, patient_id, moved.rows)
    holds = waiting.holds_offered(
        work.session, every.get("waiting_entry", ()), every["appointment"]
    )
    return {**every, "appointment": {*every["appointment"], *holds}}


def _give_back(
    work: Work,
    patient_id: UUID,
    duplicate: Patient,
    rows: Mapping[str, Collection[UUID]],
    moved: Moved,
) -> None:
    ids = rows["appointment"]
    theirs = (Appointment.id.in_(ids), Appointment.patient_id == patient_id)
    appointments = booking.whole(work.session, *theirs) if ids else []
    reassigning.reassign(work, appointments, duplicate, keyless=moved.keyless)
    for name, table in merges.tables_of_patients().items():
        found = merges.existing(work.session, table, rows[name], patient_id)
        merges.give_rows(work.session, table, found, duplicate.id)
    ratings = Base.metadata.tables["rating"]
    found = merges.existing(work.session, ratings, moved.rows.get("rating", []), patient_id)
    merges.give_rows(work.session, ratings, found, duplicate.id)
    for dropped in _not_replaced(work, moved):
        feedback.keep(work.session, Rating(**dropped.model_dump()))


def _not_replaced(work: Work, moved: Moved) -> Iterator[DroppedRating]:
    """Yield the dropped ratings that their authors have not given anew."""
    for dropped in moved.dropped_ratings:
        subject = (dropped.practitioner_id, dropped.centre_id)
        given = feedback.ratings_of(work.session, dropped.patient_id)
        if subject not in {(one.practitioner_id, one.centre_id) for one in given}:
            yield dropped


def _give_back_people(work: Work, patient: Patient, duplicate: Patient, moved: Moved) -> None:
    for dependent, link in queries.dependents_of(work.session, patient.id):
        if dependent.id in moved.dependents:
            link.carer_id = duplicate.id
    if moved.account_id is not None and patient.account_id == moved.account_id:
        _move_account(work, patient, duplicate)
    account = moved.ended_account_id and identities.by_id(work.session, moved.ended_account_id)
    if account and duplicate.account_id == account.id:
        identity.set_active(work, account.id, True)
        for favourite in feedback.favourite_rows(work.session, patient.account_id or account.id):
            if favourite.id in moved.favourites:
                favourite.account_id = account.id
    carer_id = moved.carer_id or moved.ended_carer_id
    if carer_id is None or not queries.patient(work.session, carer_id, inactive=True).active:
        return
    link_now = queries.dependent(work.session, patient.id)
    if moved.carer_id is not None:
        if link_now is None or link_now.carer_id != carer_id:
            return  # handed over since
        queries.remove_dependent(work.session, link_now)
    queries.add_dependent(work.session, _link(duplicate.id, carer_id, work.now))


def _give_back_details(work: Work, patient: Patient, duplicate: Patient, moved: Moved) -> None:
    """Give back the details that are not the patient's own. Nobody is written to about them: an
    address that is of one of the two must not learn the name of the other."""
    if moved.account_id is None and moved.carer_id is None:
        for name in moved.empty:
            if getattr(patient, name) == getattr(duplicate, name):
                setattr(patient, name, None)
        return
    given_back = set(moved.empty)
    account_id = duplicate.account_id
    account = identities.by_id(work.session, account_id) if account_id else None
    if account is not None and folded(patient.email or "") == folded(account.email):
        given_back.add("email")  # the address with which its owner signs in
    for name in given_back:
        setattr(duplicate, name, getattr(patient, name) or getattr(duplicate, name))
        setattr(patient, name, None)


def _record(work: Work, merge_row: PatientMerge, actions: tuple[str, str], **counts: int) -> None:
    """Record what was done with the patient and with the duplicate, each with the other one."""
    patients = (merge_row.patient_id, merge_row.duplicate_id)
    for action, patient_id in zip(actions, patients, strict=True):
        audit.record(
            work,
            f"patient.{action}",
            f"patient:{patient_id}",
            merge=str(merge_row.id),
            into=str(merge_row.patient_id),
            duplicate=str(merge_row.duplicate_id),
            **counts,
        )
