"""The time that visits take: claimed and given back in every diary they touch.

Holds that ran out are swept away where they stand in the way, so that nothing waits for a
worker.
"""

from collections.abc import Sequence
from datetime import datetime

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


def take(
    session: Session,
    place: Place,
    span: Span,
    patient: Patient | None,
    instead: Sequence[Appointment],
    now: datetime,
) -> None:
    """Claim ``span`` in every diary of the place and the patient.

    ``instead`` are visits whose time is given back: holds lapse, a visit that moves stays.
    Holds of others that ran out are swept away where they stand in the way.
    """
    wanted = [(diary, span) for diary in place.claimed_ids]
    if patient is not None:
        wanted.append((patient.diary_id, span))
    release, cover = _freed(session, instead)
    _mark_lapsed([one for one in instead if one.status == Status.HELD], now)
    avoid = [(place.closures_id, span)]
    while True:
        try:
            diaries.change(session, release=release, claim=wanted, cover=cover, avoid=avoid)
            break
        except DiaryTaken as refused:
            lapsed = queries.lapsed_holds(session, refused.diary_ids, span, now=now)
            if not lapsed:
                raise _refusal(session, place, span, refused.diary_ids, now) from None
            more, more_cover = _freed(session, lapsed)
            _mark_lapsed(lapsed, now)
            release, cover = [*release, *more], [*cover, *more_cover]
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


def lapse(session: Session, holds: Sequence[Appointment], now: datetime) -> None:
    """End holds, and give their time back."""
    give_back(session, holds)
    _mark_lapsed(holds, now)
    session.flush()


def give_back(session: Session, appointments: Sequence[Appointment]) -> None:
    """Release what the visits claim, but for what absences keep taken."""
    release, cover = _freed(session, appointments)
    diaries.change(session, release=release, cover=cover)


def _mark_lapsed(holds: Sequence[Appointment], now: datetime) -> None:
    for one in holds:
        one.status = Status.LAPSED
        one.one_a_day = None
        one.referral_use = None
        one.changed_at = now


def _freed(
    session: Session, appointments: Sequence[Appointment]
) -> tuple[list[Claim], list[Claim]]:
    """What the visits give back, and what of it absences keep taken."""
    release = queries.claims_of(session, appointments)
    if not release:
        return [], []
    over = Span(min(span.start for _, span in release), max(span.end for _, span in release))
    diary_ids = {diary_id for diary_id, _ in release}
    absent = schedules.absent_spans(session, diary_ids, over)
    return release, _overlaps(release, absent)


def _overlaps(release: Sequence[Claim], absent: Sequence[Claim]) -> list[Claim]:
    """The parts of ``absent`` that lie within what the same diary gives back."""
    found = []
    for diary_id, span in release:
        for other_id, other in absent:
            low, high = max(span.start, other.start), min(span.end, other.end)
            if diary_id == other_id and low < high:
                found.append((diary_id, Span(low, high)))
    return found
