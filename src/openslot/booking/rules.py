"""What may be booked, by whom: pure decisions."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from openslot.booking.errors import (
    BadLength,
    BeyondHorizon,
    CentreClosed,
    DailyLimitReached,
    EmergencyNeedsReason,
    EmergencyNotAllowed,
    HoursForOthers,
    InThePast,
    NeedsPatient,
    NotForPatients,
    NotHeldForVisitors,
    OffGrid,
    OnlyKnownPatients,
    OnRequest,
    OutsideHours,
    PriorityNotAllowed,
    ReferralRequired,
    ReferralSpent,
    TooLong,
    TooManyHolds,
    TooManyInSeries,
    TooManyOfService,
    TooManyThatDay,
    TooManyUpcoming,
    TooShortNotice,
)
from openslot.booking.models import Appointment, GroupSession, Priority, Status, minutes_between
from openslot.core.actor import Actor, Role
from openslot.core.config import Settings
from openslot.core.errors import Forbidden, Invalid, Malformed
from openslot.directory.details import is_length
from openslot.directory.models import BookableBy
from openslot.directory.rules import works_with_patients
from openslot.schedules.availability import (
    Span,
    instant_of,
    is_whole_tick,
    mask_of,
    opening,
    span_between,
    tick_at,
    window_over,
)
from openslot.schedules.rules import Place, bookable_span, nearest_starts, times_of

ENTERED_WITHIN = timedelta(days=7)
"""How long after its start an appointment that took place can be entered."""

HERE_SINCE = timedelta(minutes=30)
"""How long ago somebody may have come who is entered as being here."""


def check_may_enter(actor: Actor, place: Place) -> None:
    """Raise Forbidden unless the actor arranges care at the place. Practitioners do not enter their
    own appointments: it would open health records to them that nobody else opened."""
    if actor.is_a(Role.PRACTITIONER) or not may_book_others(actor, place):
        raise Forbidden


def check_entered(start: datetime, minutes: int, status: Status, now: datetime) -> Span:
    """Return the ticks of an appointment of somebody who is here, or was. Raises Invalid for a time
    that cannot be: in steps of 5 minutes, up to 8 hours long; it began at most HERE_SINCE ago if
    they are here, and is over, and began at most ENTERED_WITHIN ago, if they were."""
    if not is_whole_tick(start) or not is_length(minutes):
        raise Invalid("Enter times and lengths in steps of 5 minutes.", field="start")
    if status is Status.ARRIVED and not now - HERE_SINCE <= start <= now:
        raise Invalid("Enter when they came, within the last half hour.", field="start")
    is_over = start + timedelta(minutes=minutes) <= now
    if status is Status.FULFILLED and not (is_over and start >= now - ENTERED_WITHIN):
        raise Invalid(
            "Enter a time that is over, within the last {days} days.",
            field="start",
            days=ENTERED_WITHIN.days,
        )
    return Span(tick_at(start), tick_at(start) + minutes // 5)


@dataclass(frozen=True, slots=True)
class ReferralAuthorisation:
    """What lets a patient see specialists: as much of a referral as booking needs to know.

    It names one specialist, or an area of expertise; referrals/queries.py makes it.
    ``referral_id`` is the referral that the appointment uses up, None for a follow-up.
    """

    referral_id: UUID | None
    patient_id: UUID
    practitioner_id: int | None
    expertise: str | None
    is_usable: bool


def check_booker(
    actor: Actor,
    place: Place,
    patient_id: UUID | None,
    authorisation: ReferralAuthorisation | None,
    *,
    is_known: Callable[[], bool],
) -> None:
    """Who may book a place for whom: patients for themselves and their dependents, but not a
    service that a department keeps for colleagues or decides on, nor one for known patients unless
    the patient ``is_known``; those who give the care there for any patient, trusted programs also
    for nobody, and what needs a referral only with one. In an emergency only those who give the
    care there."""
    if place.in_emergency and not may_book_others(actor, place):
        raise EmergencyNotAllowed(field="emergency")
    if not actor.reaches(patient_id) or (
        actor.role is Role.PATIENT and not actor.acts_for(patient_id)
    ):
        raise NeedsPatient(field="patient")
    if actor.role is Role.PATIENT:
        if not place.is_public:
            raise NotForPatients(field="schedule")
        if place.is_for_known and not is_known():
            raise OnlyKnownPatients(field="service" if place.service_id else "schedule")
    elif not may_book_others(actor, place):
        raise OnRequest(field="schedule") if is_on_request(actor, place) else Forbidden()
    elif patient_id is None and place.practitioner_id is not None and actor.program is None:
        raise NeedsPatient(field="patient")
    if needs_referral(place):
        check_authorisation(place, patient_id, authorisation)


def needs_referral(place: Place) -> bool:
    """Whether patients reach this place only with a referral: by the profession, as with
    specialists, or by the service."""
    return place.by_referral or place.bookable_by is BookableBy.REFERRAL


def check_authorisation(
    place: Place, patient_id: UUID | None, authorisation: ReferralAuthorisation | None
) -> None:
    """ReferralRequired without a referral of this patient to this place, ReferralSpent where it
    was used, revoked, or has run out."""
    if (
        authorisation is None
        or authorisation.patient_id != patient_id
        or not is_addressed_to(authorisation, place.practitioner_id, place.expertise)
    ):
        raise ReferralRequired(field="referral")
    if not authorisation.is_usable:
        raise ReferralSpent(field="referral")


def is_addressed_to(
    authorisation: ReferralAuthorisation, practitioner_id: int | None, expertise: str | None
) -> bool:
    """Whether the referral is to this practitioner, or to their area of expertise."""
    if authorisation.practitioner_id is not None:
        return authorisation.practitioner_id == practitioner_id
    wanted, own = (authorisation.expertise or "").casefold(), (expertise or "").casefold()
    return wanted != "" and wanted == own


def may_book_others(actor: Actor, place: Place) -> bool:
    """Whether the actor books this place for patients."""
    if not works_with_patients(actor):
        return False
    own = actor.practitioner_id is not None and actor.practitioner_id == place.practitioner_id
    if own or actor.is_a(Role.NETWORK_ADMIN):
        return True
    return actor.works_at(place.centre_id) and not is_on_request(actor, place)


def is_on_request(actor: Actor, place: Place) -> bool:
    """Whether the actor has to ask the department for this service, as colleagues of its centre
    who do not belong to it do."""
    return (
        place.bookable_by is BookableBy.REQUEST
        and actor.works_at(place.centre_id)
        and actor.is_a(Role.STAFF)
        and actor.department_id != place.department_id
    )


def is_offered(actor: Actor, place: Place) -> bool:
    """Whether free times of the place are shown to the actor: not of services that they cannot
    book."""
    return place.is_public or may_book_others(actor, place)


def offered_to(actor: Actor, place: Place) -> list[Place]:
    """Return the place for each of its services that is offered to the actor, in order."""
    return [one for one in place.for_each() if one.services and is_offered(actor, one)]


def first_offered(actor: Actor, place: Place) -> Place:
    """Return the place for the first of its services that is offered to the actor, or as it is."""
    return next(iter(offered_to(actor, place)), place)


def is_of(place: Place, appointment: Appointment) -> bool:
    """Return whether an appointment can be moved to the place: it is of the same schedule, or of
    another of the same practitioner."""
    if place.schedule_id == appointment.schedule_id:
        return True
    own = appointment.schedule.practitioner_id
    return own is not None and own == place.practitioner_id


def place_for(appointment: Appointment, place: Place) -> Place | None:
    """Return the place as an appointment finds it that moves there: with its own service, length
    and margins, whatever the place offers by now. Who can book it, when, and what it needs are as
    the service says; if that is no longer offered, the times are the schedule's, and it needs those
    whom it has. None if it is another schedule's and does not offer the service."""
    if not (place.services or appointment.service_id):
        return place
    stays = place.schedule_id == appointment.schedule_id
    offered = place.offering(appointment.service_id)
    if not stays and offered is None:
        return None
    own = tuple((member,) for member in appointment.members) if not offered else ()
    service = appointment.booked_service
    return (offered or place)._replace(
        needs=offered.needs if offered else own,
        places=service.places if service else 1,
        bookable_by=service.bookable_by if service else place.bookable_by,
        service_id=appointment.service_id,
        slot_minutes=appointment.minutes,
        max_slots=1,
        before=minutes_between(appointment.busy_from, appointment.starts_at),
        after=minutes_between(appointment.ends_at, appointment.busy_until),
    )


def check_booking_request(
    place: Place,
    start: datetime,
    minutes: int,
    now: datetime,
    *,
    is_beside: Callable[[], bool] = lambda: False,
) -> Span:
    """The ticks of an appointment of ``minutes`` at ``start``, if the place offers them at all.

    Refuses in this order: past, notice, horizon, length, opening hours, public holiday, a start
    that is none. What is taken is the diaries' affair; ``is_beside`` says whether the time lies
    directly beside it, which a place may offer too.
    """
    if start.tzinfo is None:
        raise Malformed("Give the start with its time zone.", field="start")
    _check_when(place, start, now)
    ticks = _ticks(place, minutes)
    if start.timestamp() % 300:
        raise _off_grid(place, tick_at(start))
    span = Span(tick_at(start), tick_at(start) + ticks)
    busy = place.busy(span)
    window = window_over(instant_of(busy.start), instant_of(busy.end))
    wanted, times = mask_of([busy], window), times_of(place, window)
    if wanted & ~opening(place.hours, place.zone, window):
        raise OutsideHours(field="start")
    if wanted & ~opening(place.own_hours, place.zone, window):
        raise HoursForOthers(field="start")
    if wanted & ~times.opened:
        raise CentreClosed(field="start")
    if not (times.starts >> (span.start - window.start) & 1 or (place.flush and is_beside())):
        raise _off_grid(place, span.start)
    return span


def check_joining(place: Place, group: GroupSession, minutes: int, now: datetime) -> Span:
    """Return the ticks of a place in a session. Refuses past, notice, horizon, and another length
    than the session's."""
    _check_when(place, group.starts_at, now)
    if minutes != group.minutes:
        raise BadLength(field="minutes", minutes=group.minutes)
    return span_between(group.starts_at, group.ends_at)


def check_session_time(place: Place, start: datetime, now: datetime) -> Span:
    """Return the ticks of a session that staff choose a time for: it need not start where others
    do, nor inside the hours. Refuses a time between ticks, the past, and beyond the horizon."""
    if not is_whole_tick(start):
        raise Invalid("Enter times and lengths in steps of 5 minutes.", field="start")
    _check_when(place._replace(notice_minutes=0), start, now)
    return Span(tick_at(start), tick_at(start) + place.slot_ticks)


def _check_when(place: Place, start: datetime, now: datetime) -> None:
    check_begins(start, now)
    bookable = bookable_span(place, now)
    if tick_at(start) < bookable.start:
        raise TooShortNotice(field="start", minutes=place.notice_minutes)
    if tick_at(start) >= bookable.end:
        raise BeyondHorizon(field="start", days=place.horizon_days)


def _off_grid(place: Place, tick: int) -> OffGrid:
    starts = [f"{start:%H:%M}" for start in nearest_starts(place, tick)]
    if not starts:
        return OffGrid(field="start")
    return OffGrid(
        "Appointments here do not start at this time. The nearest starts are: {starts}.",
        field="start",
        starts=", ".join(starts),
    )


def check_begins(start: datetime, now: datetime) -> None:
    """InThePast for what has begun."""
    if start < now:
        raise InThePast(field="start")


def _ticks(place: Place, minutes: int) -> int:
    if minutes < place.slot_minutes or minutes % place.slot_minutes:
        raise BadLength(field="minutes", minutes=place.slot_minutes)
    if minutes > place.longest:
        raise TooLong(field="minutes", minutes=place.longest)
    return minutes // 5


def check_priority(actor: Actor, priority: Priority) -> None:
    """Patients do not say of their own appointments that they are urgent; see
    :func:`check_may_prioritise`."""
    if priority is not Priority.ROUTINE:
        check_may_prioritise(actor)


def check_may_prioritise(actor: Actor) -> None:
    """PriorityNotAllowed unless the actor works with patients."""
    if not works_with_patients(actor):
        raise PriorityNotAllowed(field="priority")


def takes_emergencies(actor: Actor, place: Place) -> bool:
    """Return whether the actor can book time there that is kept free for emergencies."""
    return place.practitioner_id is not None and may_book_others(actor, place)


def check_emergency(place: Place, reason: str | None) -> None:
    """EmergencyNeedsReason for an emergency without a word why."""
    if place.in_emergency and not reason:
        raise EmergencyNeedsReason(field="reason")


class Upcoming(NamedTuple):
    """How many upcoming appointments a person has: in all, with a practitioner, and for a
    service."""

    overall: int
    with_practitioner: int
    of_service: int


def is_upcoming_limited(place: Place, settings: Settings) -> bool:
    """Return whether there is a limit that :func:`check_upcoming` asks about."""
    return any(_most_upcoming(place, settings))


def _most_upcoming(place: Place, settings: Settings) -> tuple[int, int, int]:
    """Return the limits for the service, in all and with the practitioner; 0 means any number."""
    most_with = settings.most_upcoming_with if place.practitioner_id else 0
    return place.most_ahead or 0, settings.most_upcoming, most_with


def check_upcoming(
    place: Place, upcoming: Upcoming, *, settings: Settings, adding: int = 1
) -> None:
    """How many upcoming appointments patients and carers book for one person: TooManyUpcoming or
    TooManyOfService for one more, TooManyInSeries for several."""
    of_service, overall, with_practitioner = _most_upcoming(place, settings)
    for most, already, error in (
        (of_service, upcoming.of_service, TooManyOfService),
        (overall, upcoming.overall, TooManyUpcoming),
        (with_practitioner, upcoming.with_practitioner, TooManyUpcoming),
    ):
        over = already + adding - most
        if most and over > 0:
            if adding == 1:
                raise error(most=most)
            raise TooManyInSeries(field="starts", most=most, count=already, over=over)


def check_day(place: Place, that_day: int) -> None:
    """TooManyThatDay if a person has ``that_day`` appointments for the service on a day, as many as
    patients and carers book."""
    if place.most_a_day is not None and that_day >= place.most_a_day:
        raise TooManyThatDay(field="start", most=place.most_a_day)


def check_second(actor: Actor, second_appointment: bool) -> None:
    """Only those who work with patients book a second appointment that day; it bears no key."""
    if not (second_appointment and works_with_patients(actor)):
        raise DailyLimitReached(field="start")


class Wanted(NamedTuple):
    """A time that a patient is to have: its keys, and whether we keep it or they take it.

    ``held`` is true for a hold, ``by_program`` if no person asks for it.
    """

    schedule_id: int
    span: Span
    key: str | None
    referral: UUID | None
    offered: bool
    now: datetime
    held: bool = False
    by_program: bool = False


MOST_HOLDS = 20
"""Holds that programs may have for one patient at a time, for example for a plan of care."""

MOST_FOR_VISITORS = 2
"""Times of one schedule that are held at once for people who have not signed in."""

FOR_VISITORS_AGAIN = timedelta(hours=1)
"""How long after a time was held for one of them it is not held for any of them again."""


def is_visitors_hold(appointment: Appointment) -> bool:
    """Return whether it is a hold that somebody made before signing in. Its id, which nobody else
    learns, is the right to it."""
    is_held = appointment.status is Status.HELD and not appointment.offered
    by_nobody = appointment.created_by is None and not appointment.by_program
    return is_held and by_nobody and appointment.patient_id is None and appointment.task is None


def check_for_visitor(
    recent: Iterable[Appointment], starts: datetime, ends: datetime, now: datetime
) -> None:
    """Raise NotHeldForVisitors if a schedule has too many holds of visitors, or one of the time;
    ``recent`` are those, also released ones, since FOR_VISITORS_AGAIN ago. So strangers, however
    many they seem to be, never keep a diary."""
    held = [one for one in recent if one.status is Status.HELD and (one.held_until or now) > now]
    if len(held) >= MOST_FOR_VISITORS or any(
        one.starts_at < ends and one.ends_at > starts for one in recent
    ):
        raise NotHeldForVisitors(field="start")


def is_replaceable_hold(other: Appointment, wanted: Wanted) -> bool:
    """Whether a patient's hold is let go for ``wanted``.

    For what people take: all that people made, and of what was offered to the patient whatever
    could not be besides. A hold of a program, and for a program any hold, stays until it runs out
    or its own time is booked. For what we offer: only holds that ran out.
    """
    if other.status != Status.HELD:
        return False
    has_run_out = other.held_until is not None and other.held_until <= wanted.now
    if wanted.offered:
        return has_run_out
    starts, ends = instant_of(wanted.span.start), instant_of(wanted.span.end)
    overlaps = other.starts_at < ends and other.ends_at > starts
    if not other.offered:
        if has_run_out or not (other.by_program or wanted.by_program):
            return True
        return overlaps and not wanted.held and other.schedule_id == wanted.schedule_id
    same_day = wanted.key is not None and other.one_a_day == wanted.key
    same_letter = wanted.referral is not None and other.referral_use == wanted.referral
    return overlaps or same_day or same_letter


def check_holds(holds: Collection[Appointment]) -> None:
    """Refuse one more hold for a patient who has ``holds`` already."""
    if len(holds) >= MOST_HOLDS:
        raise TooManyHolds(most=MOST_HOLDS)


def one_a_day_key(place: Place, patient_id: UUID, start: datetime) -> str | None:
    """What is unique while an appointment is live: patient, practitioner, date at the centre.

    None for a department's service, which may see a patient as often as it must.
    """
    if place.practitioner_id is None:
        return None
    return day_key(patient_id, place.practitioner_id, place.zone, start)


def day_key(patient_id: UUID, practitioner_id: int, zone: ZoneInfo, start: datetime) -> str:
    """The text of :func:`one_a_day_key`."""
    return day_prefix(patient_id, practitioner_id) + start.astimezone(zone).date().isoformat()


def day_prefix(patient_id: UUID, practitioner_id: int) -> str:
    """What a :func:`day_key` has before its date."""
    return f"{patient_id.hex}/{practitioner_id}/"


def local_date(place: Place, start: datetime) -> date:
    """The date of ``start`` at the place's centre."""
    return start.astimezone(place.zone).date()
