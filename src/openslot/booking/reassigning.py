"""Appointments change their patient: when records are merged, and when that is undone.

Their time moves from one patient's diary to the other's by the rule of every change of a page
(schedules/diaries.py), so that it is decided together with whatever is booked at that moment.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from openslot.booking import claims, queries
from openslot.booking.errors import BothBusy
from openslot.booking.models import Appointment, Status
from openslot.booking.moves import CLAIMING, FREES_DAY
from openslot.booking.rules import day_key
from openslot.core.db import LostRace
from openslot.core.work import Work
from openslot.directory.models import Patient
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Span, span_between, tick_at
from openslot.schedules.diaries import Claim
from openslot.schedules.errors import DiaryTaken


def close_diary(work: Work, patient: Patient) -> None:
    """Rewrite all pages of the patient's diary that can be booked.

    A booking for the patient at this moment is then retried, and finds a patient who is no longer
    active; or this is retried, and finds the appointment.
    """
    horizon = timedelta(days=schedules.furthest_horizon(work.session) + 2)
    span = Span(tick_at(work.now), tick_at(work.now + horizon))
    claims.settle(work.session, patient.diary_id, span)


def release_own_holds(work: Work, patient_ids: Collection[UUID]) -> None:
    """Release the holds that these patients made themselves, and offered ones that have expired."""
    holds = queries.whole(
        work.session, Appointment.patient_id.in_(patient_ids), Appointment.status == Status.HELD
    )
    claims.expire(work, [hold for hold in holds if not hold.offered or _is_over(hold, work)])


def _is_over(hold: Appointment, work: Work) -> bool:
    return hold.held_until is not None and hold.held_until <= work.now


def overlaps(
    appointments: Sequence[Appointment], others: Sequence[Appointment]
) -> list[tuple[Appointment, Appointment]]:
    """Return each two appointments that claim the same time, one of each list."""
    return [
        (one, other)
        for one in appointments
        for other in others
        if one.status in CLAIMING
        and other.status in CLAIMING
        and one.starts_at < other.ends_at
        and other.starts_at < one.ends_at
    ]


def reassign(
    work: Work,
    appointments: Sequence[Appointment],
    to: Patient,
    *,
    keyless: Collection[UUID] = (),
) -> list[UUID]:
    """Give the appointments, and their time, to another patient.

    Returns the ids of those that lose their daily key, because the patient has an appointment with
    the same practitioner that day; ``keyless`` lost it before, and get it back. Raises BothBusy.
    """
    own = queries.whole(work.session, Appointment.patient_id == to.id)
    if both := overlaps(appointments, own):
        raise BothBusy(both)
    _move_claims(work, appointments, to)
    used = {other.one_a_day for other in own}
    without: list[UUID] = []
    for appointment in appointments:
        had_key = appointment.one_a_day is not None or appointment.id in keyless
        key = _key(appointment, to) if had_key else None
        if key is not None and key in used:
            without.append(appointment.id)
            key = None
        used.add(key)
        appointment.patient_id, appointment.one_a_day = to.id, key
        appointment.changed_at = work.now
        if appointment.patient_diary_id is not None:
            appointment.patient_diary_id = to.diary_id
        work.session.flush()
        work.session.expire(appointment, ["patient"])
    return without


def _move_claims(work: Work, appointments: Sequence[Appointment], to: Patient) -> None:
    release: list[Claim] = []
    claim: list[Claim] = []
    for appointment in appointments:
        if appointment.status in CLAIMING and appointment.patient_diary_id is not None:
            span = span_between(appointment.starts_at, appointment.ends_at)
            release.append((appointment.patient_diary_id, span))
            claim.append((to.diary_id, span))
    try:
        diaries.change(work.session, release=release, claim=claim)
    except DiaryTaken as taken:
        # Nothing was in the way a moment ago, so the whole work is done again on what is new.
        raise LostRace from taken


def _key(appointment: Appointment, to: Patient) -> str | None:
    person = appointment.practitioner
    if person is None or appointment.status in FREES_DAY:
        return None
    return day_key(to.id, person.id, appointment.zone, appointment.starts_at)
