"""The time of appointments: claimed and released in the diary of each schedule, room and patient.

An expired hold in the way is removed at once, so that a booking does not wait for the worker.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.diaries import resource_of
from openslot.booking.errors import (
    Absent,
    CentreClosed,
    KeptForEmergencies,
    PatientBusy,
    SlotTaken,
)
from openslot.booking.models import Appointment, AppointmentResource, GroupSession, Status
from openslot.booking.patients import queries as patients
from openslot.booking.rules import may_book_others
from openslot.booking.sessions import places
from openslot.booking.sessions import queries as sessions
from openslot.booking.slots import nearest
from openslot.core.db import LostRace, leave_group
from openslot.core.errors import NotFound
from openslot.core.work import Work
from openslot.directory.models import Patient
from openslot.schedules import diaries, known
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, instant_of
from openslot.schedules.diaries import Claim
from openslot.schedules.errors import DiaryTaken
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place


class Claimed(TypedDict):
    """What an appointment claims, by the names of its columns: its time in diaries, or a place of a
    session."""

    diary_id: int | None
    room_diary_id: int | None
    patient_diary_id: int | None
    resources: list[AppointmentResource]
    session_id: UUID | None
    squeezed_in: bool


def claimed(place: Place, patient: Patient | None) -> Claimed:
    """Return what an appointment of the patient at this place claims."""
    return {
        "diary_id": None if place.is_shared else place.diary_id,
        "room_diary_id": None if place.is_shared else place.room_id,
        "patient_diary_id": patient.diary_id if patient else None,
        "resources": []
        if place.is_shared
        else [resource_of(member, AppointmentResource) for member in place.members],
        "session_id": place.session_id,
        "squeezed_in": place.squeezed_in,
    }


class Busy(TypedDict):
    """When whoever gives the care is busy with an appointment, by the names of its columns."""

    busy_from: datetime
    busy_until: datetime


def assign(session: Session, appointment: Appointment, place: Place, span: Span) -> None:
    """Have an appointment claim what was taken for it at this place, instead of what it had."""
    values = {**claimed(place, appointment.patient), **busy_times(place, span)}
    for name, value in values.items():
        setattr(appointment, name, value)
    session.expire(appointment, ["room", "group"])


def busy_times(place: Place, span: Span) -> Busy:
    """Return when an appointment of ``span`` at this place keeps whoever gives the care busy."""
    busy = place.busy(span)
    return {"busy_from": instant_of(busy.start), "busy_until": instant_of(busy.end)}


def claims_in(diaries: Claimed, span: Span, busy: Span) -> list[Claim]:
    """Return a claim in each of the diaries: ``span`` in the patient's, ``busy`` in all others."""
    patient_diary_id = diaries["patient_diary_id"]
    members = (resource.diary_id for resource in diaries["resources"])
    others = (diaries["diary_id"], diaries["room_diary_id"], *members)
    return [
        *((diary_id, busy) for diary_id in others if diary_id is not None),
        *([(patient_diary_id, span)] if patient_diary_id is not None else ()),
    ]


def take(
    work: Work, place: Place, span: Span, patient: Patient | None, instead: Sequence[Appointment]
) -> tuple[Schedule, Place]:
    """Claim ``span`` in every diary of the place and the patient, and return the schedule, and the
    place with the session that the appointment is in.

    A place of a session that is there, and what is squeezed in, claim the patient's diary only; the
    others are touched, so that whoever closes them meanwhile and this see each other.

    The time of the appointments ``instead`` is released: holds expire, an appointment that moves
    stays. Expired holds of other patients in the way are removed. In an emergency, time kept free
    for one is taken; it stays kept free for when the appointment is gone. Raises SlotTaken,
    NoPlacesLeft, PatientBusy, Absent, KeptForEmergencies or CentreClosed.
    """
    busy = place.busy(span)
    place, lost = places.join(work, place, span, instead)
    if not place.is_shared and len(place.members) < len(place.needs):
        raise LostRace  # the session was released that was there when members were to be chosen
    claim = claims_in(claimed(place, patient), span, busy)
    touch = [(diary_id, busy) for diary_id in place.claimed_ids] if place.is_shared else []
    release = queries.claims_of(work.session, [*instead, *lost])
    release += places.leave(work.session, instead, stays_in=place.session_id)
    _mark_expired([hold for hold in (*instead, *lost) if hold.status == Status.HELD], work.now)
    _claim(work, place, span, claim, release, touch=touch)
    if place.is_shared:
        check_there(work, place, span)
    elif place.has_sessions:
        place = place._replace(session_id=places.begin(work, place, span).id)
    # The appointment that loses a unique key must be written before the one that gets it.
    work.session.flush()
    return _unchanged(work.session, place, patient), place


def take_for_session(
    work: Work, place: Place, span: Span, *, instead: Sequence[Claim] = ()
) -> None:
    """Claim the time of a session in the diaries of the place, and release what it claims
    ``instead``. Raises the errors of :func:`take`, without those of patients."""
    claim = claims_in(claimed(place, None), span, place.busy(span))
    _claim(work, place, span, claim, list(instead))
    _unchanged(work.session, place, None)


def _claim(
    work: Work,
    place: Place,
    span: Span,
    claim: Sequence[Claim],
    release: list[Claim],
    *,
    touch: Sequence[Claim] = (),
) -> None:
    """Make the claims, and expire the holds in the way whose time is over."""
    busy = place.busy(span)
    avoid = [(place.closures_id, busy)]
    opens = place.in_emergency and not place.is_shared
    kept_free = (place.diary_id, busy) if opens else None
    while True:
        try:
            _change(
                work.session, release, claim=claim, avoid=avoid, kept_free=kept_free, touch=touch
            )
            return
        except DiaryTaken as refused:
            leave_group(work.session)
            expired = queries.expired_holds(work, refused.diary_ids, busy)
            if not expired:
                raise _refusal(work, place, span, refused.diary_ids) from None
            release += queries.claims_of(work.session, expired)
            release += places.leave(work.session, expired)
            _mark_expired(expired, work.now)


def _unchanged(session: Session, place: Place, patient: Patient | None) -> Schedule:
    """Return the schedule of the place. Raises LostRace if it was changed since it was read, and
    NotFound if the patient was merged or erased.

    Asked after the time is claimed: who deactivates, merges or erases writes every page of the
    diary, so either they see this claim, or this sees them.
    """
    patient_id = patient.id if patient else None
    version, is_active = patients.as_it_is_now(session, patient_id)
    if patient is not None and not is_active:
        raise NotFound("There is no such patient.", field="patient")
    schedule = known.subject_of(session, place, version)
    if schedule is None:
        raise LostRace
    return schedule


def check_there(work: Work, place: Place, span: Span) -> None:
    """Raise Absent, KeptForEmergencies or CentreClosed for an absence or closure during ``span``,
    which can be entered although the time is held."""
    diary_ids, busy = place.blocking_ids, place.busy(span)
    absent = schedules.absent_spans(work.session, diary_ids, busy, in_emergency=place.in_emergency)
    if any(diary_id == place.closures_id for diary_id, _ in absent):
        raise CentreClosed(field="start")
    if absent:
        raise _absent(work, place, span)


def _refusal(work: Work, place: Place, span: Span, diary_ids: frozenset[int]) -> Exception:
    """Return the error for a time that is taken in these diaries. Raises LostRace if somebody else
    took a member meanwhile, as others may be free, or made a session there, which may have
    places."""
    if place.closures_id in diary_ids:
        return CentreClosed(field="start")
    if not diary_ids.intersection(place.claimed_ids):
        return PatientBusy(field="start")
    if schedules.absent_spans(
        work.session, place.claimed_ids, place.busy(span), in_emergency=place.in_emergency
    ):
        return _absent(work, place, span)
    if diary_ids.intersection(member.diary_id for member in place.members):
        raise LostRace  # they were free when they were chosen
    if place.has_sessions and sessions.at(work.session, place, instant_of(span.start)):
        raise LostRace
    minutes = (span.end - span.start) * 5
    free = nearest(work, place, instant_of(span.start), minutes=minutes)
    return SlotTaken(free, schedule_id=place.schedule_id, minutes=minutes)


def _absent(work: Work, place: Place, span: Span) -> Exception:
    """Return the error for an absence; those who may book it as an emergency are told so."""
    busy = place.busy(span)
    is_leave = schedules.absent_spans(work.session, place.claimed_ids, busy, in_emergency=True)
    if not is_leave and may_book_others(work.actor, place):
        return KeptForEmergencies(field="start")
    return Absent(field="start")


def expire(work: Work, holds: Sequence[Appointment]) -> None:
    """Expire holds and release their time."""
    release_claims(work.session, holds)
    _mark_expired(holds, work.now)
    work.session.flush()


def release_claims(session: Session, appointments: Sequence[Appointment]) -> None:
    """Release the time of the appointments, except where an absence takes it too."""
    release = queries.claims_of(session, appointments)
    _change(session, [*release, *places.leave(session, appointments)])


def release_session(session: Session, group: GroupSession) -> None:
    """Release the time of a session, except where an absence takes it too."""
    _change(session, sessions.claims_of(group))


def settle(session: Session, diary_id: int, span: Span) -> None:
    """Rewrite ``span`` of a diary from its claims: appointments, holds, absences and closures.
    All other time in it becomes free."""

    def live_claims() -> list[Claim]:
        return [
            *queries.live_claims(session, [diary_id], span),
            *schedules.absent_spans(session, [diary_id], span),
        ]

    diaries.change(session, release=[(diary_id, span)], kept=live_claims)


def _change(
    session: Session,
    release: Sequence[Claim],
    *,
    claim: Sequence[Claim] = (),
    avoid: Sequence[Claim] = (),
    kept_free: Claim | None = None,
    touch: Sequence[Claim] = (),
) -> None:
    """Release and claim time of appointments; released time of an absence stays taken.

    In ``kept_free``, if given, time that is only kept free for emergencies can be claimed.
    """
    opened = [kept_free] if kept_free else []
    released = [*release, *opened]

    def kept() -> list[Claim]:
        over = Span(min(span.start for _, span in released), max(span.end for _, span in released))
        absent = schedules.absent_spans(session, {diary_id for diary_id, _ in released}, over)
        if kept_free is None:
            return absent
        return [*_without(absent, kept_free), *_never_opened(session, kept_free, release)]

    diaries.change(session, release=released, kept=kept, claim=claim, avoid=avoid, touch=touch)


def _without(claims: Sequence[Claim], opened: Claim) -> Iterator[Claim]:
    """Yield what is left of the claims outside ``opened``."""
    opened_id, gap = opened
    for diary_id, span in claims:
        if diary_id != opened_id:
            yield diary_id, span
            continue
        for part in (
            Span(span.start, min(span.end, gap.start)),
            Span(max(span.start, gap.end), span.end),
        ):
            if part.start < part.end:
                yield diary_id, part


def _never_opened(session: Session, opened: Claim, release: Sequence[Claim]) -> list[Claim]:
    """Return what keeps the time of ``opened`` taken in an emergency too: leave, and appointments
    that are not among those released."""
    diary_id, span = opened
    session.flush()
    appointments = [
        claim for claim in queries.live_claims(session, [diary_id], span) if claim not in release
    ]
    leave = schedules.absent_spans(session, [diary_id], span, in_emergency=True)
    return [*appointments, *leave]


def _mark_expired(holds: Sequence[Appointment], now: datetime) -> None:
    for hold in holds:
        hold.status = Status.EXPIRED
        hold.one_a_day = None
        hold.referral_use = None
        hold.changed_at = now


@contextmanager
def offering(
    work: Work, place: Place, span: Span, patient_id: UUID | None, *, besides: str | None = None
) -> Iterator[None]:
    """Replace the free starts in a SlotTaken by those that are free for the patient too.

    ``besides`` is the daily key of the appointment that is being moved, whose day stays possible.
    """
    try:
        yield
    except SlotTaken as taken:
        whom = queries.for_whom(work, patient_id) if patient_id else None
        free = nearest(
            work,
            place,
            instant_of(span.start),
            minutes=taken.minutes,
            whom=whom.without(besides) if whom else None,
        )
        raise type(taken)(free, schedule_id=place.schedule_id, minutes=taken.minutes) from None
