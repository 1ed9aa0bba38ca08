"""The service of a received appointment: that of its slots, of a participant or of its type."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from openslot.booking.models import Appointment
from openslot.core.work import Work
from openslot.entrypoints.fhir.elements import Site
from openslot.entrypoints.fhir.received import Concept, UnprocessableResource
from openslot.schedules import known
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Offered


@dataclass(frozen=True, slots=True)
class Names:
    """The ids and types by which a received appointment names its service."""

    by_slot: int | None
    by_participant: int | None
    by_type: Sequence[Concept]


def chosen(work: Work, schedule: Schedule, names: Names, base: str) -> int | None:
    """Return the service to book, or None for the usual one. Raises UnprocessableResource for one
    that the schedule does not offer, and if several are named."""
    offered = _offered(work, schedule)
    ids = {one.service_id for one in offered}
    named = _named(schedule, names)
    for element, service_id in named.items():
        if service_id not in ids:
            raise _not_offered(element)
    by_type = [_service(text, offered) for text in _texts(names, schedule, offered, work, base)]
    if None in by_type:
        raise _not_offered("serviceType")
    all_named = {*named.values(), *by_type}
    if len(all_named) > 1:
        raise UnprocessableResource(
            "Slot, participant and serviceType must name the same service.",
            field="Appointment.serviceType",
        )
    return all_named.pop() if all_named else None


def unchanged(
    work: Work, schedule: Schedule, names: Names, base: str, appointment: Appointment
) -> int | None:
    """Return the service of an appointment. Raises UnprocessableResource if another is named."""
    offered = _offered(work, schedule)
    texts = _texts(names, schedule, offered, work, base)
    by_type = [("serviceType", _service(text, offered)) for text in texts]
    for element, service_id in [*_named(schedule, names).items(), *by_type]:
        if service_id not in (None, appointment.service_id):
            raise UnprocessableResource(
                "The service of an appointment cannot change. Book a new one.",
                field=f"Appointment.{element}",
            )
    return appointment.service_id


def _offered(work: Work, schedule: Schedule) -> Sequence[Offered]:
    bookable = known.one(work.session, schedule.id)
    return bookable.place.services if bookable else ()


def _named(schedule: Schedule, names: Names) -> dict[str, int]:
    """Return the ids of services by the elements that name them. A department's own service is no
    choice: it is the schedule."""
    ids = {"slot": names.by_slot}
    if schedule.service_id is None:
        ids["participant"] = names.by_participant
    return {element: key for element, key in ids.items() if key is not None}


def _service(text: str, offered: Sequence[Offered]) -> int | None:
    same = (one.service_id for one in offered if one.name.casefold() == text.casefold())
    return next(same, None)


def _texts(
    names: Names, schedule: Schedule, offered: Sequence[Offered], work: Work, base: str
) -> list[str]:
    """Return the types that are about services of this network: those with its system, and of a
    schedule that offers services also those without any, except what the schedule is itself."""
    own = {schedule.service.name} if schedule.service else set()
    if person := schedule.practitioner:
        own |= {person.profession, person.profession_name}
    itself = {name.casefold() for name in own}
    systems = Site(base, work.now).systems("service-type")
    return [
        text
        for system, text in _coded(names.by_type)
        if text.casefold() not in itself and (system in systems or (offered and system is None))
    ]


def _coded(received: Sequence[Concept]) -> Iterator[tuple[str | None, str]]:
    """Yield system and code of each type, or its text if it has no code."""
    for concept in received:
        coded = [(coding.system, coding.code) for coding in concept.coding if coding.code]
        yield from [(system, code) for system, code in coded if code] or (
            [(None, concept.text)] if concept.text else []
        )


def _not_offered(element: str) -> UnprocessableResource:
    return UnprocessableResource(
        "This service is not offered here. The serviceType of the Schedule lists those that are.",
        field=f"Appointment.{element}",
    )
