"""Absences of practitioners: leave, and time kept free for emergencies; and time in which a room or
machine cannot be used."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from openslot.booking import claims, queries
from openslot.booking.diaries import in_absences_of, taking_part
from openslot.booking.errors import BlocksElsewhere, FromElsewhere, NothingBlocked
from openslot.booking.models import Appointment
from openslot.booking.offered import release_holds
from openslot.core import audit
from openslot.core.db import remove
from openslot.core.errors import NotFound
from openslot.core.fields import Details, OptionalName
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.editing import Editor, editor_of_practitioner
from openslot.resources.commands import editable_room
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.models import Absence, AbsenceKind
from openslot.schedules.rules import check_period

EnteredKind = Literal[AbsenceKind.LEAVE, AbsenceKind.KEPT_FREE]
"""The kinds of absences that people enter."""


class AbsenceDetails(Details):
    """An absence, as entered."""

    kind: EnteredKind
    starts_at: datetime
    ends_at: datetime
    reason: OptionalName = None


class OutOfUse(Details):
    """A period in which a room or machine cannot be used, as entered."""

    starts_at: datetime
    ends_at: datetime
    reason: OptionalName = None


def hit_by(work: Work, practitioner_id: int, details: AbsenceDetails) -> list[Appointment]:
    """Return the live appointments in the period of an absence that is not entered yet."""
    may_block(work, practitioner_id)
    check_period(details.starts_at, details.ends_at)
    return queries.appointments(
        work.session,
        queries.of_practitioner(practitioner_id),
        queries.between(details.starts_at, details.ends_at),
        queries.to_come(details.starts_at),
    )


def needing(work: Work, practitioner_id: int) -> list[Appointment]:
    """Return the live appointments of others that need a practitioner who is absent then.

    They stay until somebody moves them; also a move to the time that they have chooses others who
    are free.
    """
    may_see_absences(work, practitioner_id)
    practitioner = directory.practitioner(work.session, practitioner_id, inactive=True)
    return _inside(work, practitioner.diary_id)


def using(work: Work, room_id: int) -> list[Appointment]:
    """Return the live appointments that use a room or machine when it is out of use; see
    :func:`needing`."""
    return _inside(work, editable_room(work, room_id).diary_id)


def _inside(work: Work, diary_id: int) -> list[Appointment]:
    where = (taking_part(diary_id), in_absences_of(diary_id), queries.to_come(work.now))
    return queries.appointments(work.session, *where)


def enter_absence(work: Work, practitioner_id: int, details: AbsenceDetails) -> Absence:
    """Block a practitioner's time at every centre.

    Appointments in it stay until they are moved or cancelled (usecases/rebooking.py); offered holds
    in it are released.
    """
    may_block(work, practitioner_id)
    practitioner = directory.practitioner(work.session, practitioner_id, inactive=True)
    return _enter(work, practitioner.diary_id, details.kind, details)


def _enter(
    work: Work, diary_id: int, kind: AbsenceKind, details: AbsenceDetails | OutOfUse
) -> Absence:
    span = check_period(details.starts_at, details.ends_at)
    absence = Absence(
        id=new_id(),
        diary_id=diary_id,
        kind=kind,
        starts_at=details.starts_at,
        ends_at=details.ends_at,
        reason=details.reason,
        created_by=work.actor.account_id,
        created_at=work.now,
    )
    work.session.add(absence)
    work.session.flush()
    diaries.change(work.session, cover=[(diary_id, span)])
    # After the pages: a concurrent offer is either found here or fails on its page.
    release_holds(work, queries.offered_in(work.session, diary_id, span))
    _record(work, absence, "entered")
    return absence


def take_out_of_use(work: Work, room_id: int, details: OutOfUse) -> Absence:
    """Block the time of a room or machine; administrators of its centre only. Appointments in it
    stay, see :func:`needing`; offered holds are released."""
    room = editable_room(work, room_id)
    return _enter(work, room.diary_id, AbsenceKind.LEAVE, details)


def put_back_into_use(work: Work, room_id: int, absence_id: UUID) -> None:
    """End the time in which a room or machine cannot be used."""
    _end(work, editable_room(work, room_id).diary_id, absence_id)


def end_absence(work: Work, practitioner_id: int, absence_id: UUID) -> None:
    """Delete an absence; appointments in it and other absences keep their time."""
    may_block(work, practitioner_id)
    practitioner = directory.practitioner(work.session, practitioner_id, inactive=True)
    _end(work, practitioner.diary_id, absence_id)


def absence_of(work: Work, practitioner_id: int, absence_id: UUID) -> Absence:
    """Return an absence of a practitioner. Raises NotFound."""
    may_see_absences(work, practitioner_id)
    practitioner = directory.practitioner(work.session, practitioner_id, inactive=True)
    return _absence(work, practitioner.diary_id, absence_id)


def _absence(work: Work, diary_id: int, absence_id: UUID) -> Absence:
    absence = work.session.get(Absence, absence_id)
    if absence is None or absence.diary_id != diary_id:
        raise NotFound
    return absence


def _end(work: Work, diary_id: int, absence_id: UUID) -> None:
    absence = _absence(work, diary_id, absence_id)
    if absence.kind == AbsenceKind.ELSEWHERE:
        raise FromElsewhere
    span = check_period(absence.starts_at, absence.ends_at)
    remove(work.session, absence)
    claims.settle(work.session, diary_id, span)
    _record(work, absence, "ended")


def reopen(
    work: Work, practitioner_id: int, starts: datetime, ends: datetime
) -> list[tuple[UUID, Absence]]:
    """Free a period in every absence of a practitioner that covers some of it, besides busy time
    elsewhere.

    What is left before and after stays blocked. An absence with a part on both sides is split:
    returns the id of each such absence with the new one, for what comes after. Raises
    NothingBlocked if there is none, and FromElsewhere if all of it is busy time elsewhere.
    """
    may_block(work, practitioner_id)
    practitioner = directory.practitioner(work.session, practitioner_id, inactive=True)
    span = check_period(starts, ends)
    # Without the lock, two that free different days of one absence would each undo the other.
    lock(work.session, f"absences of diary {practitioner.diary_id}")
    blocking = schedules.absences(work.session, practitioner.diary_id, starts, ends)
    covering = [one for one in blocking if one.kind != AbsenceKind.ELSEWHERE]
    if blocking and not covering:
        raise FromElsewhere
    if not covering:
        raise NothingBlocked(field="starts_at")
    split = []
    for absence in covering:
        rest = _without(work, absence, starts, ends)
        if rest is not None:
            split.append((absence.id, rest))
    work.session.flush()
    claims.settle(work.session, practitioner.diary_id, span)
    for absence in covering:
        _record(work, absence, "reopened", starts, ends)
    return split


def _without(work: Work, absence: Absence, starts: datetime, ends: datetime) -> Absence | None:
    """Cut a period out of an absence, and return the new one after it, if there is one on each
    side."""
    has_before, has_after = absence.starts_at < starts, absence.ends_at > ends
    if not has_before and not has_after:
        remove(work.session, absence)
        return None
    if not has_before:
        absence.starts_at = ends
        return None
    until, absence.ends_at = absence.ends_at, starts
    if not has_after:
        return None
    rest = Absence(
        id=new_id(),
        diary_id=absence.diary_id,
        kind=absence.kind,
        starts_at=ends,
        ends_at=until,
        reason=absence.reason,
        created_by=absence.created_by,
        created_at=absence.created_at,
    )
    work.session.add(rest)
    return rest


def may_block(work: Work, practitioner_id: int) -> None:
    """Check that the actor can block a practitioner's time, which applies at every centre.

    The practitioner and administrators of all their centres can. Raises BlocksElsewhere for the
    administrator of one of several centres, and Forbidden for others.
    """
    if _editor(work, practitioner_id) is Editor.ONE_CENTRE:
        raise BlocksElsewhere


def may_see_absences(work: Work, practitioner_id: int) -> None:
    """Raise Forbidden unless the actor is the practitioner or runs one of their centres, and so
    can see their absences and decide on the appointments in them."""
    _editor(work, practitioner_id)


def _editor(work: Work, practitioner_id: int) -> Editor:
    centre_ids = schedules.centre_ids_of(work.session, practitioner_id)
    return editor_of_practitioner(work.actor, practitioner_id, centre_ids)


def _record(
    work: Work,
    absence: Absence,
    action: str,
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> None:
    audit.record(
        work,
        f"absence.{action}",
        f"absence:{absence.id}",
        starts=(starts or absence.starts_at).isoformat(),
        ends=(ends or absence.ends_at).isoformat(),
    )
