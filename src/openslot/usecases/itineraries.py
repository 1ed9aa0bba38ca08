"""Itineraries: finding plans of several steps over the network, and booking all of one or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from openslot.booking.commands import BookingRequest
from openslot.booking.errors import BadGap, ItineraryLength, NobodyOffers
from openslot.booking.events import Together, tell_together
from openslot.booking.itineraries import MOST_STEPS, Gap, Option, Unit, plans
from openslot.booking.models import Appointment
from openslot.booking.rules import needs_referral
from openslot.booking.slots import Barrier, Board, Booker, Slot, board
from openslot.booking.together import naming
from openslot.core.ids import new_id
from openslot.core.work import Work
from openslot.records import finding
from openslot.referrals import queries as referrals
from openslot.schedules import known
from openslot.schedules.availability import DAY, Span, mask_of, tick_at, window_over
from openslot.schedules.known import Bookable
from openslot.schedules.rules import Place
from openslot.usecases import booking

MOST_DAYS = 180
"""Days that a search covers, and that lie between two steps, at most."""

AT_ONCE = Gap()


@dataclass(frozen=True, slots=True)
class Step:
    """One step that is looked for: a service, of any schedule that offers it or at one centre, or
    a schedule; ``after`` is its gap from the step before."""

    service_id: int | None = None
    schedule_id: int | None = None
    centre_id: int | None = None
    minutes: int | None = None
    after: Gap = AT_ONCE


def find(
    work: Work,
    patient_id: UUID,
    steps: Sequence[Step],
    starts: datetime,
    days: int,
    *,
    limit: int,
) -> list[list[Slot]]:
    """Return the earliest plans whose steps all lie within the days from ``starts`` on; each begins
    at another time. Nothing is held.

    Takes two statements for the diaries of all places together. Raises ItineraryLength, BadGap, and
    for a step that nobody offers to the patient NobodyOffers or why.
    """
    _check_steps(steps)
    finding.check_may_book_for(work, patient_id)
    booker = referrals.booker(work, patient_id)
    bookable = known.bookable(work.session)
    places = []
    for number, step in enumerate(steps):
        with naming(number, field="steps"):
            places.append(_places(step, bookable, booker))
    ends = starts + timedelta(days=min(days, MOST_DAYS))
    # What is prepared before the first start lies before it; the last step may end later.
    window = window_over(starts - timedelta(days=1), ends + timedelta(days=1))
    everywhere = [place for some in places for place in some]
    read = board(work, everywhere, window, whom=booker.whom)
    within = mask_of([Span(tick_at(starts), tick_at(ends))], window)
    options = [
        [_option(place, step, read, booker, within) for place in some]
        for step, some in zip(steps, places, strict=True)
    ]
    return plans(options, [step.after for step in steps[1:]], window, limit=limit)


def book(work: Work, steps: Sequence[BookingRequest]) -> list[Appointment]:
    """Book all steps of an itinerary for one patient, or none; return them by start.

    Raises the errors of booking one, which name the step by its number, from 0.
    """
    starts = [step.start.timestamp() for step in steps]
    if not 2 <= len(steps) <= MOST_STEPS or starts != sorted(set(starts)):
        raise ItineraryLength(field="steps", most=MOST_STEPS)
    together, itinerary_id = work.all_together(), new_id()
    booked = []
    for number, step in enumerate(steps):
        with naming(number, field="steps"):
            booked.append(booking.book(together, replace(step, itinerary_id=itinerary_id)))
    tell_together(work, Together.BOOKED, booked)
    return booked


def _check_steps(steps: Sequence[Step]) -> None:
    if not 2 <= len(steps) <= MOST_STEPS:
        raise ItineraryLength(field="steps", most=MOST_STEPS)
    for number, step in enumerate(steps):
        least, most, unit = step.after
        longest = MOST_DAYS if unit is Unit.DAYS else MOST_DAYS * DAY * 5
        is_whole = unit is Unit.DAYS or not (least % 5 or most % 5)
        if not (0 <= least <= most <= longest and is_whole):
            raise BadGap(field=f"steps.{number}", days=MOST_DAYS)


def _places(step: Step, bookable: Mapping[int, Bookable], booker: Booker) -> list[Place]:
    """Return where a step can be for the patient; if nowhere, raise why."""
    offered = [place for one in bookable.values() if (place := _offering(one, step))]
    found = [place for place in offered if booker.barrier(place) is None]
    if found or not offered or booker.whom is None:
        if not found:
            raise NobodyOffers
        return found
    if booker.barrier(offered[0]) is not Barrier.SELF:
        booker.check(offered[0], booker.whom)
    raise NobodyOffers


def _offering(bookable: Bookable, step: Step) -> Place | None:
    """Return the place of a schedule for a step, or None if it is not for it."""
    place, subject = bookable
    if step.schedule_id not in (None, place.schedule_id):
        return None
    if step.centre_id not in (None, place.centre_id):
        return None
    if step.service_id is None:
        return place if step.schedule_id is not None else None
    return place if subject.service_id == step.service_id else place.offering(step.service_id)


def _option(place: Place, step: Step, read: Board, booker: Booker, within: int) -> Option:
    minutes = step.minutes or place.slot_minutes
    authorisation = booker.authorisation(place) if needs_referral(place) else None
    starts = read.free_starts(place, minutes) & within
    return Option(place, starts, minutes, authorisation.referral_id if authorisation else None)
