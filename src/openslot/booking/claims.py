"""The time that appointments take: claimed and given back in every diary they touch.

Holds that ran out are swept away where they stand in the way, so that nothing waits for a
worker.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from openslot.booking import queries
from openslot.booking.errors import Absent, CentreClosed, PatientBusy, SlotTaken
from openslot.booking.models import Appointment, Status
from openslot.booking.slots import nearest
from openslot.directory.models import Patient
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, instant_of
from openslot.schedules.diaries import Claim
from openslot.schedules.errors import DiaryTaken
from openslot.schedules.rules import Place


class Claimed(TypedDict):
    """The diaries that an appointment claims its time in, as it keeps them."""

    diary_id: int
    room_diary_id: int | None
    patient_diary_id: int | None


def claimed(place: Place, patient: Patient | None) -> Claimed:
    """The diaries that an appointment of the patient there claims its time in."""
    return {
        "diary_id": place.diary_id,
        "room_diary_id": place.room_id,
        "patient_diary_id": patient.diary_id if patient else None,
    }


def claims_in(diaries: Claimed, span: Span) -> list[Claim]:
    """``span`` in each of the diaries."""
    return [(one, span) for one in diaries.values() if isinstance(one, int)]


def take(
    session: Session,
    place: Place,
    span: Span,
    patient: Patient | None,
    instead: Sequence[Appointment],
    now: datetime,
) -> None:
    """Claim ``span`` in every diary of the place and the patient.

    ``instead`` are appointments whose time is given back: holds lapse, an appointment that moves
    stays. Holds of others that ran out are swept away where they stand in the way.
    """
    wanted = claims_in(claimed(place, patient), span)
    release = queries.claims_of(session, instead)
    _mark_expired([one for one in instead if one.status == Status.HELD], now)
    avoid = [(place.closures_id, span)]
    while True:
        try:
            _change(session, release, claim=wanted, avoid=avoid)
            break
        except DiaryTaken as refused:
            expired = queries.expired_holds(session, refused.diary_ids, span, now=now)
            if not expired:
                raise _refusal(session, place, span, refused.diary_ids, now) from None
            release = [*release, *queries.claims_of(session, expired)]
            _mark_expired(expired, now)
    # The old holder of a key must be written before the new one.
    session.flush()


def check_there(session: Session, place: Place, span: Span) -> None:
    """Absent or CentreClosed where nobody will be there: a hold keeps its time from patients,
    absences and closures come all the same."""
    away = schedules.absent_spans(session, (*place.claimed_ids, place.closures_id), span)
    if any(diary_id == place.closures_id for diary_id, _ in away):
        raise CentreClosed(field="start")
    if away:
        raise Absent(field="start")


def _refusal(
    session: Session, place: Place, span: Span, diary_ids: frozenset[int], now: datetime
) -> Exception:
    """Which of the reasons it is that a time cannot be had."""
    if place.closures_id in diary_ids:
        return CentreClosed(field="start")
    if not diary_ids.intersection(place.claimed_ids):
        return PatientBusy(field="start")
    if schedules.absent_spans(session, place.claimed_ids, span):
        return Absent(field="start")
    minutes = (span.end - span.start) * 5
    free = nearest(session, place, instant_of(span.start), now=now, minutes=minutes)
    return SlotTaken(free, schedule_id=place.schedule_id, minutes=minutes)


def expire(session: Session, holds: Sequence[Appointment], now: datetime) -> None:
    """End holds, and give their time back."""
    release_claims(session, holds)
    _mark_expired(holds, now)
    session.flush()


def release_claims(session: Session, appointments: Sequence[Appointment]) -> None:
    """Release what the appointments claim, but for what absences keep taken."""
    _change(session, queries.claims_of(session, appointments))


def settle(session: Session, diary_id: int, span: Span) -> None:
    """Make the diary say of ``span`` just what claims it: appointments, holds, absences and
    closures. What nothing claims is free again."""

    def kept() -> list[Claim]:
        return [
            *queries.live_claims(session, diary_id, span),
            *schedules.absent_spans(session, [diary_id], span),
        ]

    diaries.change(session, release=[(diary_id, span)], kept=kept)


def _change(
    session: Session,
    release: Sequence[Claim],
    *,
    claim: Sequence[Claim] = (),
    avoid: Sequence[Claim] = (),
) -> None:
    """Give back and take time of appointments; absences keep theirs of what is given back."""

    def absent() -> list[Claim]:
        over = Span(min(span.start for _, span in release), max(span.end for _, span in release))
        return schedules.absent_spans(session, {diary_id for diary_id, _ in release}, over)

    diaries.change(session, release=release, kept=absent, claim=claim, avoid=avoid)


def _mark_expired(holds: Sequence[Appointment], now: datetime) -> None:
    for one in holds:
        one.status = Status.EXPIRED
        one.one_a_day = None
        one.referral_use = None
        one.changed_at = now
