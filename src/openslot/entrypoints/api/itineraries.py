"""Operations on itineraries: appointments of different services that belong together."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field

from openslot.booking import itineraries as booking
from openslot.booking.commands import BookingRequest
from openslot.booking.itineraries import MOST_STEPS, Unit
from openslot.booking.models import Appointment as AppointmentRow
from openslot.booking.together import cancel, members, of_itinerary
from openslot.core.errors import Invalid
from openslot.core.fields import Instant, InstantOrDay, OptionalText
from openslot.entrypoints import bearer
from openslot.entrypoints.api.appointment_shapes import Appointment, appointment_shown
from openslot.entrypoints.api.appointments import Chosen, Minutes, Why
from openslot.entrypoints.api.operations import Answer, Given, Service, Shown
from openslot.entrypoints.api.periods import begin_of
from openslot.entrypoints.api.shapes import Id, Slot, slots_shown
from openslot.entrypoints.request import now, reader
from openslot.entrypoints.rules import Rule
from openslot.schedules import known
from openslot.usecases import itineraries as usecases
from openslot.usecases.itineraries import AT_ONCE, MOST_DAYS, Step

service = Service("itineraries", "Itineraries", "Plan appointments that belong together.")

PATH = "/api/v1/itineraries"
ONE = f"{PATH}/<uuid:itinerary_id>"

ForWhom = Annotated[UUID | None, Field(description="Defaults to you if you are a patient.")]


class Gap(Given):
    """The time between the end of a step and the start of the next; in `days`, 0 is the same day
    and 1 the next."""

    least: Annotated[int, Field(ge=0)] = 0
    most: Annotated[int, Field(ge=0)]
    unit: Unit = Unit.MINUTES


class StepTerms(Given):
    """A step to find: a `service`, of any schedule or at a `centre`, or a `schedule`."""

    service: Id | None = None
    schedule: Id | None = None
    centre: Id | None = None
    minutes: Minutes | None = None
    after: Annotated[
        Gap | None,
        Field(description="The gap from the step before; defaults to none. Not for the first."),
    ] = None


class ItineraryTerms(Given):
    """The steps of an itinerary to find, in order."""

    patient: ForWhom = None
    steps: Annotated[tuple[StepTerms, ...], Field(min_length=2, max_length=MOST_STEPS)]
    from_: Annotated[InstantOrDay | None, Field(alias="from", description="Defaults to now.")] = (
        None
    )
    days: Annotated[
        int, Field(ge=1, le=MOST_DAYS, description="All steps lie within so many days.")
    ] = 60
    limit: Annotated[int, Field(ge=1, le=20)] = 5


class NewStep(Given):
    """A step to book."""

    schedule: Id
    service: Chosen = None
    start: Instant
    minutes: Minutes | None = None


class NewItinerary(Given):
    """An itinerary to book: all of its steps, or none."""

    patient: ForWhom = None
    steps: Annotated[tuple[NewStep, ...], Field(min_length=2, max_length=MOST_STEPS)]
    reason: OptionalText = None


class ItineraryCancel(Given):
    """Why an itinerary is cancelled."""

    why: Why = None


class ItineraryPlan(Shown):
    """A plan: a free slot for each step, in order."""

    steps: list[Slot]


class PlanList(Shown):
    """Plans, the earliest first. Nothing is held."""

    items: list[ItineraryPlan]


class Itinerary(Shown):
    """An itinerary with those of its steps that you can see, by start."""

    id: UUID
    appointments: list[Appointment]


@service.operation(
    "POST",
    f"{PATH}/search",
    scope="appointments:read",
    rule=Rule.RELATED,
    body=ItineraryTerms,
    answer=PlanList,
    may_fail=(404, 409),
    searches=True,
)
def search_itineraries(body: ItineraryTerms) -> PlanList:
    """Find plans for a patient over the network, the earliest first.

    Each plan has a free time for each step, with the gaps that are asked for, and begins at another
    time. The patient is not busy at any of them.
    """
    if any(step.after for step in body.steps[:1]):
        raise Invalid("Leave `after` out of the first step.", field="steps")
    found = usecases.find(
        bearer.work(),
        _patient(body.patient),
        [_step(one) for one in body.steps],
        begin_of(body.from_) if body.from_ else now(),
        body.days,
        limit=body.limit,
    )
    bookable = known.bookable(reader())
    return PlanList(items=[ItineraryPlan(steps=slots_shown(plan, bookable)) for plan in found])


@service.operation(
    "POST",
    PATH,
    scope="appointments:write",
    rule=Rule.RELATED,
    body=NewItinerary,
    answer=Itinerary,
    status=201,
    may_fail=(404,),
    headers={"Location": "The address of the new itinerary."},
)
def create_itinerary(body: NewItinerary) -> Answer:
    """Book an itinerary: all of its steps, or none.

    If one cannot be booked, the answer names it, as `steps.1` for the second.
    """
    patient_id = _patient(body.patient)
    steps = [
        BookingRequest(
            schedule_id=one.schedule,
            start=one.start,
            minutes=one.minutes,
            patient_id=patient_id,
            reason=body.reason,
            service_id=one.service,
        )
        for one in body.steps
    ]
    shown = _itinerary(bearer.write(usecases.book, steps))
    return Answer(shown, status=201, headers={"Location": f"{PATH}/{shown.id}"})


@service.operation("GET", ONE, scope="appointments:read", rule=Rule.RELATED, answer=Itinerary)
def get_itinerary(itinerary_id: UUID) -> Itinerary:
    """Read an itinerary of yours, for example to see what else belongs to a step that changed."""
    return _itinerary(members(bearer.work(), of_itinerary(itinerary_id)))


@service.operation(
    "POST",
    f"{ONE}/cancel",
    scope="appointments:write",
    rule=Rule.RELATED,
    body=ItineraryCancel,
    answer=Itinerary,
    may_fail=(409,),
)
def cancel_itinerary(itinerary_id: UUID, body: ItineraryCancel) -> Itinerary:
    """Cancel all steps of an itinerary that are still to come, or none."""
    bearer.write(cancel, of_itinerary(itinerary_id), why=body.why)
    return _itinerary(members(bearer.work(), of_itinerary(itinerary_id)))


def _patient(patient_id: UUID | None) -> UUID:
    found = patient_id or bearer.actor().patient_id
    if found is None:
        raise Invalid("Name the patient.", field="patient")
    return found


def _step(one: StepTerms) -> Step:
    gap = one.after
    return Step(
        service_id=one.service,
        schedule_id=one.schedule,
        centre_id=one.centre,
        minutes=one.minutes,
        after=booking.Gap(gap.least, gap.most, gap.unit) if gap else AT_ONCE,
    )


def _itinerary(rows: Sequence[AppointmentRow]) -> Itinerary:
    itinerary_id = rows[0].itinerary_id
    if itinerary_id is None:
        raise LookupError
    return Itinerary(id=itinerary_id, appointments=[appointment_shown(one) for one in rows])
