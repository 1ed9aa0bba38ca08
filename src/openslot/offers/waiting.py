"""The verbs of the waiting list: join, leave, and the sweep that offers what is free.

Nothing tells the sweep what came free. It looks for the earliest free time that fits each entry
in turn, so that it does not matter how a time came free, and nobody is passed over.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import offered
from openslot.booking.commands import BookingRequest, appointment_for
from openslot.booking.errors import BadLength, InvalidTransition, ReferralRequired, SelfBooking
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.offered import reaches
from openslot.booking.rules import check_priority, may_book_others, needs_referral
from openslot.booking.slots import Slot
from openslot.core import audit
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, Invalid, NotFound
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.directory import queries as directory
from openslot.directory.models import Patient
from openslot.directory.rules import Actor, works_with_patients
from openslot.offers import matching, queries, search
from openslot.offers.details import WaitingDetails
from openslot.offers.errors import (
    AlreadyWaiting,
    NobodyOffersThis,
    NoEarlierTime,
    NotWaiting,
    TooManyEntries,
)
from openslot.offers.matching import Market
from openslot.offers.models import OfferStatus, Waiting, WaitingEntry
from openslot.offers.offering import close_offer, end_entry, entry_subject, expire_next, make_offer
from openslot.offers.rules import MOST_ENTRIES, SOONEST, Scope, check_window, covers, offer_ends
from openslot.offers.search import Waiter
from openslot.referrals import queries as referrals
from openslot.schedules.rules import Place

SHOWN = 6
"""So many free times are shown to somebody who would wait."""

Try = tuple[UUID, int, datetime]
"""(entry id, schedule id, start)"""


class NotEligible(Exception):
    """A time that looked free could not be kept for an entry: another is to be tried."""

    def __init__(self, tried: Try):
        self.tried = tried
        super().__init__(str(tried))


# Joining and leaving


def join(session: Session, actor: Actor, details: WaitingDetails, *, now: datetime) -> WaitingEntry:
    """Have a patient wait, or, with an appointment that has no patient, the actor's department.

    By the patient, by who cares for them, and by those who book for patients there; only these
    say that it is urgent. Raises what booking raises about patients and referrals, and the
    errors of offers/errors.py.
    """
    waiter = prepared(session, actor, details, now=now)
    entry = waiter.entry
    _check_others(session, entry)
    search.add_entry(session, entry, waiter.centres)
    audit.record(
        session,
        "waiting.joined",
        entry_subject(entry.id),
        by=actor.origin,
        now=now,
        priority=entry.priority,
    )
    return entry


def prepared(session: Session, actor: Actor, details: WaitingDetails, *, now: datetime) -> Waiter:
    """The entry that :func:`join` would write, checked but for others of whoever waits."""
    check_priority(actor, details.priority)
    appointment = _appointment_to_replace(session, actor, details)
    patient = appointment.patient if appointment else _patient(session, details)
    minutes = appointment.minutes if appointment else details.minutes
    before = min(details.starts_until, appointment.starts_at) if appointment else None
    if before is not None and before <= now + SOONEST:
        raise NoEarlierTime(field="starts_until")
    starts, ends = check_window(details.starts_from, before or details.starts_until, now)
    scope = Scope(
        details.schedule_id, details.practitioner_id, details.profession, details.centre_ids
    )
    places = _places(session, scope, appointment, minutes)
    _check_access(actor, places, patient, appointment)
    _check_patient(session, places, patient, appointment, now)
    return Waiter(
        WaitingEntry(
            id=new_id(),
            patient_id=patient.id if patient else None,
            department_id=None if patient else actor.department_id,
            appointment_id=details.appointment_id,
            schedule_id=scope.schedule_id,
            practitioner_id=scope.practitioner_id,
            profession=scope.profession,
            minutes=minutes,
            starts_from=starts,
            starts_until=ends,
            priority=details.priority,
            status=Waiting.WAITING,
            missed=0,
            version=1,
            created_at=now,
            created_by=actor.account_id,
        ),
        patient,
        appointment if appointment else None,
        scope.centre_ids,
    )


def free_for(session: Session, waiter: Waiter, *, now: datetime) -> list[Slot]:
    """The earliest times that fit and are free now: nobody need wait for those; six statements.

    At most SHOWN, and one of each place.
    """
    market = matching.market_for(session, [waiter], now=now)
    return sorted(matching.starts_for(waiter, market, now=now, passed=()))[:SHOWN]


def leave(session: Session, actor: Actor, entry_id: UUID, *, now: datetime) -> None:
    """Wait no longer; a time that is offered is let go."""
    entry = entry_for(session, actor, entry_id)
    if entry.status != Waiting.WAITING:
        raise NotWaiting
    for one in queries.open_of_entries(session, [entry_id], now=now).values():
        close_offer(
            session,
            one.offer,
            one.kept,
            OfferStatus.WITHDRAWN,
            now=now,
            by=actor.origin,
        )
    end_entry(session, entry, Waiting.LEFT, now=now, by=actor.origin)


def entry_for(session: Session, actor: Actor, entry_id: UUID) -> WaitingEntry:
    """An entry of one's own, or at one's place; NotFound for strangers."""
    entry = session.get(WaitingEntry, entry_id)
    if entry is None or not (
        actor.acts_for(entry.patient_id)
        or (entry.department_id is not None and entry.department_id == actor.department_id)
        or (works_with_patients(actor) and search.is_at_place(session, actor, entry_id))
    ):
        raise NotFound
    return entry


def _appointment_to_replace(
    session: Session, actor: Actor, details: WaitingDetails
) -> Appointment | None:
    if details.appointment_id is None:
        return None
    appointment, _part = appointment_for(session, actor, details.appointment_id)
    if appointment.status is not Status.BOOKED:
        raise InvalidTransition
    if appointment.patient is None and actor.department_id is None:
        raise Forbidden
    return appointment


def _patient(session: Session, details: WaitingDetails) -> Patient:
    if details.patient_id is None:
        raise Invalid("Choose the patient this is for.", field="patient_id")
    return directory.patient(session, details.patient_id)


def _places(
    session: Session, scope: Scope, appointment: Appointment | None, minutes: int
) -> list[Place]:
    """Where somebody with this scope might be seen; NobodyOffersThis where nowhere."""
    named = (scope.schedule_id, scope.practitioner_id, scope.profession)
    if sum(one is not None for one in named) != 1:
        raise Invalid("Choose one thing to wait for.", field="scope")
    found = search.places_in(session, [scope])
    in_scope = [place for place in found.values() if covers(scope, place)]
    if not in_scope or (appointment and not all(reaches(appointment, place) for place in in_scope)):
        raise NobodyOffersThis(field="scope")
    places = [place for place in in_scope if _takes(place, minutes)]
    if not places:
        raise BadLength(field="minutes", minutes=in_scope[0].slot_minutes)
    return places


def _takes(place: Place, minutes: int) -> bool:
    whole = minutes > 0 and minutes % place.slot_minutes == 0
    return whole and minutes <= place.slot_minutes * place.max_slots


def _check_access(
    actor: Actor, places: Iterable[Place], patient: Patient | None, appointment: Appointment | None
) -> None:
    """Whose appointment it is decides about appointments; otherwise as with booking."""
    if appointment is not None or actor.acts_for(patient.id if patient else None):
        return
    if not all(may_book_others(actor, place) for place in places):
        raise Forbidden


def _check_patient(
    session: Session,
    places: list[Place],
    patient: Patient | None,
    appointment: Appointment | None,
    now: datetime,
) -> None:
    if patient is None:
        return
    if patient.email and all(place.practitioner_email == patient.email for place in places):
        raise SelfBooking
    if appointment is None and all(needs_referral(place) for place in places):
        own = referrals.authorisations_of(session, [patient.id], now).get(patient.id, ())
        if not any(matching.admitted(own, place) for place in places):
            raise ReferralRequired(field="scope")


def _check_others(session: Session, entry: WaitingEntry) -> None:
    """AlreadyWaiting for the same thing, TooManyEntries for patients beyond MOST_ENTRIES.

    A department waits with appointments that it has, as many as its work needs: these are the
    limit.
    """
    others = _others(session, entry)
    if any(_same(entry, other) for other in others):
        raise AlreadyWaiting
    if entry.patient_id is not None and len(others) >= MOST_ENTRIES:
        raise TooManyEntries(most=MOST_ENTRIES)


def _others(session: Session, entry: WaitingEntry) -> list[WaitingEntry]:
    """What the patient, or the department with that appointment, waits for; nobody adds to it
    now."""
    if entry.patient_id is not None:
        lock(session, f"waiting {entry.patient_id}")
        return search.open_entries(session, entry.patient_id)
    lock(session, f"waiting {entry.department_id} {entry.appointment_id}")
    return search.open_entries_with(session, entry.department_id, entry.appointment_id)


def _same(one: WaitingEntry, other: WaitingEntry) -> bool:
    compared = ("schedule_id", "practitioner_id", "profession", "appointment_id")
    return all(getattr(one, name) == getattr(other, name) for name in compared)


# The sweep


def offer_next(
    session: Session, *, now: datetime, length: timedelta, passed: Collection[Try] = ()
) -> bool:
    """Offer one time to the first who waits, has no open offer, and whom a free time fits;
    False where there is nobody.

    ``length`` is how long it may be thought over, ``passed`` what is not to be tried again.
    The number of statements does not grow with the entries. Raises Passed where the time could
    not be kept after all.
    """
    waiting = matching.in_order(search.waiters(session))
    if not waiting:
        return False
    market = matching.market_for(session, waiting, now=now)
    for position, waiter in enumerate(waiting, start=1):
        slot = None
        if not waiter.has_open and _may_be_served(waiter):
            slot = matching.earliest_for(waiter, market, now=now, passed=passed)
        if slot is not None:
            _offer(session, waiter, slot, market, position, len(waiting), now, length)
            return True
    return False


def _may_be_served(waiter: Waiter) -> bool:
    """Neither patient nor appointment is gone. The sweep ends the wait for what would replace an
    appointment that is gone; a patient's own waits end with their account (offers/leaving.py)."""
    gone = waiter.appointment is not None and waiter.appointment.status != Status.BOOKED
    return not gone and (waiter.patient is None or waiter.patient.active)


def _offer(
    session: Session,
    waiter: Waiter,
    slot: Slot,
    market: Market,
    position: int,
    of: int,
    now: datetime,
    length: timedelta,
) -> None:
    entry, appointment = waiter.entry, waiter.appointment
    starts = [slot.start, *([appointment.starts_at] if appointment else [])]
    until = offer_ends(now, length, *starts)
    if until is None:
        raise NotEligible((entry.id, slot.schedule_id, slot.start))
    search.touch(entry)
    try:
        kept = _kept(session, waiter, slot, market, now, until)
    except DomainError:
        raise NotEligible((entry.id, slot.schedule_id, slot.start)) from None
    make_offer(
        session,
        kept,
        now=now,
        until=until,
        entry_id=entry.id,
        appointment_id=appointment.id if appointment else None,
        entry=str(entry.id),
        position=position,
        of=of,
        priority=entry.priority,
        waiting_since=entry.created_at.isoformat(),
        why="the first in order of priority and waiting time whom a free time fits",
    )


def _kept(
    session: Session, waiter: Waiter, slot: Slot, market: Market, now: datetime, until: datetime
) -> Appointment:
    if waiter.appointment is not None:
        return offered.hold_for_reschedule(
            session, waiter.appointment.id, slot.schedule_id, slot.start, now=now, until=until
        )
    place = market.places[slot.schedule_id]
    booking_request = BookingRequest(
        slot.schedule_id,
        slot.start,
        waiter.entry.minutes,
        waiter.entry.patient_id,
        priority=Priority(waiter.entry.priority),
    )
    authorisation = market.authorisation(place, waiter.entry.patient_id)
    return offered.keep_new(
        session, booking_request, now=now, until=until, authorisation=authorisation, place=place
    )


def expire_due(database: Database, settings: Settings, now: Callable[[], datetime]) -> int:
    """Put away what is over and offer what is free, each in a transaction of its own; how many
    offers were made.

    Killed half way it loses nothing, for the next sweep looks at everything anew. Two at once
    do no harm: of two offers to one entry, or of one time, one transaction is tried again.
    """
    made, passed = 0, set[Try]()
    length = timedelta(hours=settings.offer_hours)
    while database.run(lambda session: expire_next(session, now=now())):
        pass
    while True:
        try:
            again = database.run(
                lambda session: offer_next(session, now=now(), length=length, passed=passed)
            )
        except NotEligible as refused:
            passed.add(refused.tried)
            continue
        if not again:
            return made
        made += 1
