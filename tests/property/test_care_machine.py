"""The life of bookings with a waiting list beside: who is offered which time, and when.

The naive model looks through all starts one by one for everybody who waits, in order; the
sweep has to come to the same offers. Whatever is taken, left or runs out, the diaries stay
right, as the machine of bookings checks after every step.
"""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

import bookings
from bookings import ModelAppointment, overlap
from factories import SYDNEY
from openslot.booking.models import Appointment, Priority, Status
from openslot.core.actor import SYSTEM
from openslot.core.config import Settings
from openslot.waiting_list import answers, waiting
from openslot.waiting_list.details import WaitingDetails
from openslot.waiting_list.models import Offer, OfferStatus, Waiting, WaitingEntry
from openslot.waiting_list.rules import LONGEST_WAIT, SOONEST
from property.test_booking_machine import DAYS, MONDAY, SLOT, Bookings
from working import work

QUICK = Settings(_env_file=None)
LENGTH = timedelta(hours=QUICK.offer_hours)
LAST_MINUTE = timedelta(hours=1)
SHORTEST = timedelta(minutes=30)

Try = tuple[UUID, int, datetime]
"""(entry, schedule, start)"""


class Care(Bookings):
    """Everything that happens to bookings, and a waiting list."""

    @initialize()
    def begin(self) -> None:
        self.hold_of: dict[UUID, UUID] = {}
        self.entry_of: dict[UUID, UUID] = {}
        self.tried: set[Try] = set()

    @rule(
        place=st.integers(0, 2),
        patient=st.integers(0, 2),
        day=st.integers(0, DAYS),
        days=st.integers(1, 3),
        urgent=st.booleans(),
    )
    def wait(self, place: int, patient: int, day: int, days: int, urgent: bool) -> None:
        schedule = self.offers[place].schedule
        starts = datetime.combine(MONDAY, time(0), SYDNEY) + timedelta(days=day)
        ends = starts + timedelta(days=days)
        details = WaitingDetails(
            patient_id=self.town.patients[patient],
            schedule_id=schedule,
            starts_from=starts,
            starts_until=ends,
            priority=Priority.URGENT if urgent else Priority.ROUTINE,
        )
        again = any(
            one.schedule_id == schedule and one.patient_id == details.patient_id
            for one in self._waiting()
        )
        lies_ahead = max(starts, self.model.now + SOONEST) < ends <= self.model.now + LONGEST_WAIT
        with self._expecting(lies_ahead and not again):
            self.database.run(
                lambda session: waiting.join(work(session, SYSTEM, self.model.now), details)
            )
            # Two who join at one instant are told apart by their ids: here each has its own.
            self.model.now += timedelta(seconds=1)

    @rule()
    def offer(self) -> None:
        """The sweep makes the offers that the model expects, and no others."""
        for hold in self._open().values():
            # What could only be refused, as the centre is closed then, is offered no longer.
            if (hold.held_until or self.model.now) <= self.model.now or not self._time_is_there(
                hold
            ):
                hold.status = Status.EXPIRED
        entries_before = {one.id for one in self._waiting()}
        waiting.expire_due(self.database, QUICK, lambda: self.model.now)
        gone = entries_before - {one.id for one in self._waiting()}
        made = [one for one in self._offers() if one.id not in self.hold_of]
        holds = self._holds()
        self.time_of = {one.id: holds[one.hold_id] for one in made}
        found = {(one.entry_id, *self.time_of[one.id]) for one in made}
        expected = set(self._expected(gone, made))
        assert found == expected

    def _expected(self, gone: set[UUID], made: list[Offer]) -> Iterator[Try]:
        """Who should be offered what, one after another; each is noted as it is found."""
        by_time = {self.time_of[one.id]: one for one in made}
        has_open = {self.entry_of[hold] for hold in self._open()}
        for entry in self._in_order():
            if entry.id in gone or entry.id in has_open:
                continue
            start = next(self._fitting(entry), None)
            if start is None:
                continue
            assert entry.schedule_id is not None
            yield entry.id, entry.schedule_id, start
            offer = by_time.get((entry.schedule_id, start))
            if offer is not None:
                self._note_offer(offer, entry, start)

    def _fitting(self, entry: WaitingEntry) -> Iterator[datetime]:
        """The starts that fit somebody who waits, the earliest first."""
        schedule, wanted = entry.schedule_id, self._wanted(entry)
        patient = self.town.patients.index(entry.patient_id)
        start = datetime.combine(MONDAY, time(0), SYDNEY)
        while start < entry.starts_until:
            ends = start + SLOT
            kept = [one for one in self.model.keeping(()).values() if one.patient == patient]
            busy = any(overlap((one.starts, one.ends), (start, ends)) for one in kept)
            same_day = any(
                one.keyed
                and one.offer.practitioner == wanted.practitioner
                and one.starts.astimezone(SYDNEY).date() == start.date()
                and one.status in (Status.BOOKED, Status.ARRIVED, Status.HELD)
                for one in kept
            )
            if (
                start >= max(entry.starts_from, self.model.now + SOONEST)
                and self.model.time_is_free(wanted, start, ends)
                and not busy
                and not same_day
                and (entry.id, schedule, start) not in self.tried
            ):
                yield start
            start += SLOT

    def _note_offer(self, offer: Offer, entry: WaitingEntry, start: datetime) -> None:
        """The model holds the time as the system does."""
        until = min(self.model.now + LENGTH, start - LAST_MINUTE)
        assert offer.expires_at == until
        patient = self.town.patients.index(entry.patient_id)
        self.model.appointments[offer.hold_id] = ModelAppointment(
            self._wanted(entry),
            patient,
            start,
            start + SLOT,
            Status.HELD,
            until,
            offered=True,
            room=self.model.rooms.get(entry.schedule_id),
        )
        self._note_what_expired()
        self.hold_of[offer.id] = offer.hold_id
        self.entry_of[offer.hold_id] = entry.id
        self.tried.add((entry.id, entry.schedule_id, start))

    @precondition(lambda self: self._open())
    @rule(pick=st.integers(0, 99), takes=st.booleans())
    def answer(self, pick: int, takes: bool) -> None:
        open_now = self._open()
        hold_id = list(open_now)[pick % len(open_now)]
        hold = open_now[hold_id]
        offer_id = next(key for key, value in self.hold_of.items() if value == hold_id)
        stands = (hold.held_until or self.model.now) > self.model.now
        there = self._time_is_there(hold)
        answer = answers.accept if takes else answers.decline
        with self._expecting(stands and (there or not takes)):
            self.database.run(
                lambda session: answer(
                    work(session, self.town.patient(hold.patient), self.model.now), offer_id
                )
            )
            hold.status = Status.BOOKED if takes else Status.EXPIRED

    def _time_is_there(self, hold: ModelAppointment) -> bool:
        away = [one for one in self.model.absences.values() if one[0] == hold.offer.practitioner]
        shut = [one for one in self.model.closures.values() if one[0] == hold.offer.centre]
        return not any(
            overlap((begins, finishes), (hold.starts, hold.ends))
            for _, begins, finishes in away + shut
        )

    def _wanted(self, entry: WaitingEntry) -> bookings.Offer:
        return next(one for one in self.offers if one.schedule == entry.schedule_id)

    # What the system says

    def _waiting(self) -> list[WaitingEntry]:
        return [
            one
            for one in self.database.read(lambda session: list(session.query(WaitingEntry)))
            if one.status == Waiting.WAITING
        ]

    def _in_order(self) -> list[WaitingEntry]:
        return sorted(
            self._waiting(), key=lambda one: (one.priority != Priority.URGENT, one.created_at)
        )

    def _offers(self) -> list[Offer]:
        found = self.database.read(lambda session: list(session.query(Offer)))
        return [one for one in found if one.status == OfferStatus.OPEN]

    def _holds(self) -> dict[UUID, tuple[int, datetime]]:
        rows = self.database.read(lambda session: list(session.query(Appointment)))
        return {row.id: (row.schedule_id, row.starts_at) for row in rows}

    def _open(self) -> dict[UUID, ModelAppointment]:
        """The holds of offers that nobody has answered, as the model has them."""
        holds = {hold_id: self.model.appointments[hold_id] for hold_id in self.hold_of.values()}
        return {key: hold for key, hold in holds.items() if hold.status is Status.HELD}


class TestCare(Care.TestCase):  # type: ignore[misc, name-defined] # made at run time
    """Random lives, shrunk to the shortest that fails."""

    settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
