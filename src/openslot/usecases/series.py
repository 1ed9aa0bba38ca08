"""Series: looking at their times, and booking all of them or none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from openslot.booking import limits, series
from openslot.booking.commands import BookingRequest
from openslot.booking.errors import (
    FirstWithReferral,
    NeedsPatient,
    ReferralRequired,
    ReferralSpent,
    TooManyInSeries,
)
from openslot.booking.events import Together, tell_together
from openslot.booking.models import Appointment
from openslot.booking.queries import for_whom
from openslot.booking.series import SeriesTime, State
from openslot.booking.together import naming
from openslot.core.errors import DomainError, NotFound
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.schedules.rules import Place
from openslot.usecases import booking
from openslot.usecases.booking import place_of, referral_for


@dataclass(frozen=True, slots=True)
class Preview:
    """The times of a series, and the rule that stops all of it, if one does."""

    place: Place
    minutes: int
    times: Sequence[SeriesTime]
    problem: DomainError | None

    @property
    def is_free(self) -> bool:
        """Return whether the series can be booked as it is."""
        return self.problem is None and all(one.state is State.FREE for one in self.times)


def preview(
    work: Work,
    booking_request: BookingRequest,
    starts: Sequence[datetime],
    *,
    referral_id: UUID | None = None,
) -> Preview:
    """Return which times of a series are free for the patient, without holding any.

    Raises the errors of who may book; a rule about referrals or limits is part of the preview.
    """
    series.check_starts(starts)
    place = place_of(work, booking_request)
    patient_id = booking_request.patient_id
    whom = for_whom(work, patient_id) if patient_id else None
    try:
        _check_all(work, place, booking_request, len(starts), referral_id)
        problem = None
    except (ReferralRequired, ReferralSpent, FirstWithReferral, TooManyInSeries) as error:
        problem = error
    if whom is None:
        raise NotFound("There is no such patient.", field="patient")
    minutes = booking_request.minutes or place.slot_minutes
    return Preview(place, minutes, series.look(work, place, starts, minutes, whom=whom), problem)


def book(
    work: Work,
    booking_request: BookingRequest,
    starts: Sequence[datetime],
    *,
    referral_id: UUID | None = None,
) -> list[Appointment]:
    """Book an appointment at each of the times, or none at all, and return them by start.

    Raises the errors of booking one, which name the time by its number, from 0.
    """
    series.check_starts(starts)
    in_order = sorted(starts, key=datetime.timestamp)
    place = place_of(work, booking_request)
    _check_all(work, place, booking_request, len(starts), referral_id)
    together, series_id = work.all_together(), new_id()
    booked = []
    for number, start in enumerate(in_order):
        with naming(number):
            one = replace(booking_request, start=start, series_id=series_id)
            booked.append(booking.book(together, one, referral_id=referral_id))
    tell_together(work, Together.BOOKED, booked)
    return booked


def _check_all(
    work: Work,
    place: Place,
    booking_request: BookingRequest,
    count: int,
    referral_id: UUID | None,
) -> None:
    """Check what decides about all of a series: who books, with which referral, and how many."""
    patient_id = booking_request.patient_id
    if patient_id is None:
        raise NeedsPatient(field="patient")
    found = referral_for(work, place, booking_request, referral_id)
    booking.check_patient(work, booking_request, found)
    limits.check_may_book(work, place, patient_id, found.authorisation)
    series.check_covers(found.authorisation)
    series.check_limits(work, place, patient_id, count)
