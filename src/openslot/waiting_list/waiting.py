"""The waiting list: join, leave, and the search that offers free times.

The search is not triggered by a cancellation. It looks for the earliest free time that fits each
entry in turn, so it does not matter how a time became free, and no entry is passed over.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from openslot.booking import limits, offered
from openslot.booking.commands import BookingRequest, appointment_for, make
from openslot.booking.errors import (
    BadLength,
    InvalidTransition,
    NotForPatients,
    OnlyKnownPatients,
    ReferralRequired,
    SelfBooking,
)
from openslot.booking.models import Appointment, Priority, Status
from openslot.booking.offered import reaches
from openslot.booking.rules import check_priority, may_book_others, needs_referral
from openslot.booking.slots import Slot
from openslot.core import audit
from openslot.core.actor import SYSTEM, Actor
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.errors import DomainError, Forbidden, Invalid, NotFound
from openslot.core.ids import new_id
from openslot.core.locks import lock
from openslot.core.work import Work, doing
from openslot.directory import queries as directory
from openslot.directory.models import Patient
from openslot.directory.rules import works_with_patients
from openslot.records import finding
from openslot.referrals import queries as referrals
from openslot.schedules.rules import Place
from openslot.waiting_list import matching, queries, search
from openslot.waiting_list.details import WaitingDetails
from openslot.waiting_list.errors import (
    AlreadyWaiting,
    NobodyOffersThis,
    NoEarlierTime,
    NotWaiting,
    TooManyEntries,
)
from openslot.waiting_list.matching import Market
from openslot.waiting_list.models import OfferStatus, Waiting, WaitingEntry
from openslot.waiting_list.offering import (
    close_offer,
    end_entry,
    entry_subject,
    expire_next,
    make_offer,
)
from openslot.waiting_list.rules import (
    MOST_ENTRIES,
    SOONEST,
    Scope,
    check_window,
    covers,
    offer_ends,
)
from openslot.waiting_list.search import Waiter

SHOWN = 6
"""The most free times shown to a patient who is about to join the list."""

Try = tuple[UUID, int, datetime]
"""(entry id, schedule id, start)"""


class NotEligible(Exception):
    """The time could not be held for an entry; another must be tried."""

    def __init__(self, tried: Try):
        self.tried = tried
        super().__init__(str(tried))


# Joining and leaving


def join(work: Work, details: WaitingDetails) -> WaitingEntry:
    """Put a patient on the list, or the actor's department if the appointment has no patient.

    Patients, their carers and people who may book for patients can do so; only the last may set a
    priority other than routine. Raise what booking raises about patients and referrals, and the
    errors of waiting_list/errors.py.
    """
    waiter = prepared(work, details)
    entry = waiter.entry
    _check_others(work.session, entry)
    search.add_entry(work.session, entry, waiter.centres)
    audit.record(work, "waiting.joined", entry_subject(entry.id), priority=entry.priority)
    return entry


def prepared(work: Work, details: WaitingDetails) -> Waiter:
    """Return the entry that :func:`join` would store, without the check for duplicates."""
    check_priority(work.actor, details.priority)
    appointment = _appointment_to_replace(work, details)
    if appointment is not None and details.service_id is not None:
        raise Invalid("An earlier time is for what the appointment is for.", field="service_id")
    patient = appointment.patient if appointment else _patient(work, details)
    minutes = appointment.minutes if appointment else details.minutes
    before = min(details.starts_until, appointment.starts_at) if appointment else None
    if before is not None and before <= work.now + SOONEST:
        raise NoEarlierTime(field="starts_until")
    starts, ends = check_window(details.starts_from, before or details.starts_until, work.now)
    scope = Scope(
        details.schedule_id, details.practitioner_id, details.profession, details.centre_ids
    )
    waiter = Waiter(
        WaitingEntry(
            id=new_id(),
            patient_id=patient.id if patient else None,
            department_id=None if patient else work.actor.department_id,
            appointment_id=details.appointment_id,
            schedule_id=scope.schedule_id,
            practitioner_id=scope.practitioner_id,
            profession=scope.profession,
            service_id=details.service_id,
            minutes=minutes,
            starts_from=starts,
            starts_until=ends,
            priority=details.priority,
            status=Waiting.WAITING,
            missed=0,
            version=1,
            created_at=work.now,
            created_by=work.actor.account_id,
        ),
        patient,
        appointment,
        scope.centre_ids,
    )
    places = _bookable_places(work.session, waiter)
    if details.service_id is not None:
        waiter.entry.minutes = places[0].slot_minutes
    _check_access(work.actor, places, patient, appointment)
    _check_patient(work, places, patient, appointment)
    return waiter


def free_for(work: Work, waiter: Waiter) -> list[Slot]:
    """Return the earliest free times that fit, to be shown before joining; at most six statements.

    At most SHOWN, and one of each schedule.
    """
    market = matching.market_for(work, [waiter])
    return sorted(matching.starts_for(waiter, market, now=work.now, passed=()))[:SHOWN]


def leave(work: Work, entry_id: UUID) -> None:
    """Take an entry off the list and withdraw its open offer."""
    entry = entry_for(work, entry_id)
    if entry.status != Waiting.WAITING:
        raise NotWaiting
    for open_offer in queries.open_of_entries(work, [entry_id]).values():
        close_offer(work, open_offer, OfferStatus.WITHDRAWN)
    end_entry(work, entry, Waiting.LEFT)


def entry_for(work: Work, entry_id: UUID) -> WaitingEntry:
    """Return an entry of the actor or at their centre; raise NotFound for other actors."""
    entry = work.session.get(WaitingEntry, entry_id)
    if entry is None or not (
        work.actor.acts_for(entry.patient_id)
        or (entry.department_id is not None and entry.department_id == work.actor.department_id)
        or (works_with_patients(work.actor) and search.is_at_place(work, entry_id))
    ):
        raise NotFound
    return entry


def _appointment_to_replace(work: Work, details: WaitingDetails) -> Appointment | None:
    if details.appointment_id is None:
        return None
    appointment, _part = appointment_for(work, details.appointment_id)
    if appointment.status is not Status.BOOKED:
        raise InvalidTransition
    if appointment.patient is None and work.actor.department_id is None:
        raise Forbidden
    return appointment


def _patient(work: Work, details: WaitingDetails) -> Patient:
    if details.patient_id is None:
        raise Invalid("Choose the patient this is for.", field="patient_id")
    if works_with_patients(work.actor):
        return finding.patient_for(work, details.patient_id)
    return directory.patient(work.session, details.patient_id)


def _bookable_places(session: Session, waiter: Waiter) -> list[Place]:
    """Return the schedules that the scope covers, for what is waited for. Raise NobodyOffersThis if
    there are none."""
    scope, appointment = waiter.scope, waiter.appointment
    scope_keys = (scope.schedule_id, scope.practitioner_id, scope.profession)
    if sum(key is not None for key in scope_keys) != 1:
        raise Invalid("Choose one thing to wait for.", field="scope")
    candidates = search.places_in(session, [scope])
    in_scope = [place for place in candidates.values() if covers(scope, place)]
    if not in_scope and scope.profession is not None:
        directory.profession_called(session, scope.profession)
    if not in_scope or (appointment and not all(reaches(appointment, place) for place in in_scope)):
        raise NobodyOffersThis(field="scope")
    offered_there = [place for place in in_scope if place.offering(waiter.entry.service_id)]
    if not offered_there:
        raise NobodyOffersThis(field="service_id")
    places = [suited for place in offered_there if (suited := waiter.suited(place))]
    if not places:
        raise BadLength(field="minutes", minutes=in_scope[0].slot_minutes)
    return places


def _check_access(
    actor: Actor, places: Iterable[Place], patient: Patient | None, appointment: Appointment | None
) -> None:
    """Raise Forbidden unless the actor may book there; an appointment was checked before."""
    is_patient = actor.acts_for(patient.id if patient else None)
    if is_patient and not all(place.is_public for place in places):
        raise NotForPatients(field="scope")
    if is_patient or appointment is not None:
        return
    if not all(may_book_others(actor, place) for place in places):
        raise Forbidden


def _check_patient(
    work: Work, places: list[Place], patient: Patient | None, appointment: Appointment | None
) -> None:
    if patient is None:
        return
    if patient.email and all(place.practitioner_email == patient.email for place in places):
        raise SelfBooking
    if appointment is not None:
        return
    is_for_known = all(place.is_for_known for place in places)
    if is_for_known and not any(limits.is_known(work, place, patient.id) for place in places):
        raise OnlyKnownPatients(field="scope")
    if all(needs_referral(place) for place in places):
        authorisations = referrals.authorisations_of(work, [patient.id]).get(patient.id, ())
        if not any(matching.admitted(authorisations, place) for place in places):
            raise ReferralRequired(field="scope")


def _check_others(session: Session, entry: WaitingEntry) -> None:
    """Raise AlreadyWaiting for a duplicate, TooManyEntries if a patient has MOST_ENTRIES.

    Departments have no limit: each of their entries belongs to an appointment that they have.
    """
    others = _locked_entries(session, entry)
    if any(_is_duplicate(entry, other) for other in others):
        raise AlreadyWaiting
    if entry.patient_id is not None and len(others) >= MOST_ENTRIES:
        raise TooManyEntries(most=MOST_ENTRIES)


def _locked_entries(session: Session, entry: WaitingEntry) -> list[WaitingEntry]:
    """Lock and return the waiting entries of the patient or department."""
    if entry.patient_id is not None:
        lock(session, f"waiting {entry.patient_id}")
        return search.open_entries(session, entry.patient_id)
    lock(session, f"waiting {entry.department_id} {entry.appointment_id}")
    return search.open_entries_with(session, entry.department_id, entry.appointment_id)


def _is_duplicate(entry: WaitingEntry, other: WaitingEntry) -> bool:
    compared = ("schedule_id", "practitioner_id", "profession", "service_id", "appointment_id")
    return all(getattr(entry, name) == getattr(other, name) for name in compared)


# Offering free times


def offer_next(work: Work, *, passed: Collection[Try] = ()) -> bool:
    """Offer one free time to the first entry in order that it fits; return False if none fits.

    Entries with an open offer are skipped. ``length`` is the time to answer, ``passed`` what was
    tried in vain. The number of statements does not grow with the entries. Raise NotEligible if the
    time could not be held after all.
    """
    waiting = matching.in_order(search.waiters(work.session))
    if not waiting:
        return False
    market = matching.market_for(work, waiting)
    for position, waiter in enumerate(waiting, start=1):
        slot = None
        if not waiter.has_open and _may_be_served(waiter):
            slot = matching.earliest_for(waiter, market, now=work.now, passed=passed)
        if slot is not None:
            _offer(work, waiter, slot, market, position, len(waiting))
            return True
    return False


def _may_be_served(waiter: Waiter) -> bool:
    """Return False if the patient or the appointment is gone.

    expire_next ends an entry whose appointment is gone; a patient's entries end with their account
    (usecases/account_deletion.py).
    """
    gone = waiter.appointment is not None and waiter.appointment.status != Status.BOOKED
    return not gone and (waiter.patient is None or waiter.patient.active)


def _offer(
    work: Work,
    waiter: Waiter,
    slot: Slot,
    market: Market,
    position: int,
    of: int,
) -> None:
    entry, appointment = waiter.entry, waiter.appointment
    starts = [slot.start, *([appointment.starts_at] if appointment else [])]
    until = offer_ends(work.now, timedelta(hours=work.settings.offer_hours), *starts)
    if until is None:
        raise NotEligible((entry.id, slot.schedule_id, slot.start.astimezone(UTC)))
    search.touch(entry)
    try:
        hold = _hold_slot(work, waiter, slot, market, until)
    except DomainError:
        raise NotEligible((entry.id, slot.schedule_id, slot.start.astimezone(UTC))) from None
    make_offer(
        work,
        hold,
        until=until,
        entry_id=entry.id,
        appointment_id=appointment.id if appointment else None,
        entry=str(entry.id),
        position=position,
        of=of,
        priority=entry.priority,
        waiting_since=entry.created_at.isoformat(),
        why="first by priority and waiting time among those the free time fits",
    )


def _hold_slot(
    work: Work, waiter: Waiter, slot: Slot, market: Market, until: datetime
) -> Appointment:
    if waiter.appointment is not None:
        return offered.hold_for_reschedule(
            work, waiter.appointment.id, slot.schedule_id, slot.start, until=until
        )
    place = waiter.suited(market.places[slot.schedule_id]) or market.places[slot.schedule_id]
    booking_request = BookingRequest(
        slot.schedule_id,
        slot.start,
        waiter.minutes_at(place),
        waiter.entry.patient_id,
        priority=Priority(waiter.entry.priority),
        service_id=waiter.entry.service_id,
    )
    return make(
        work.by(SYSTEM),
        booking_request,
        place,
        authorisation=market.authorisation(place, waiter.entry.patient_id),
        held_until=until,
        offered=True,
    )


def expire_due(database: Database, settings: Settings, now: Callable[[], datetime]) -> int:
    """End what has expired and offer what is free, each in its own transaction.

    Return the number of offers made. It is safe to kill, for the next call starts from the current
    state, and safe to run twice at once: of two offers to one entry, or of one time, one
    transaction is tried again.
    """
    offers_made, passed = 0, set[Try]()
    while database.run(doing(SYSTEM, now(), settings, expire_next)):
        pass
    while True:
        try:
            was_offered = database.run(doing(SYSTEM, now(), settings, offer_next, passed=passed))
        except NotEligible as refused:
            passed.add(refused.tried)
            continue
        if not was_offered:
            return offers_made
        offers_made += 1
