"""The whole life of bookings against a naive model that keeps lists and compares intervals.

After every step the model and the system agree on who has what when, on which starts are
free, and `openslot check` finds nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy.orm import Session

import factories
from bookings import (
    A_DAY,
    ROOMS,
    Leaving,
    Model,
    ModelAppointment,
    ModelSession,
    Offer,
    is_open,
)
from engines import DATA_KEYS
from factories import SYDNEY
from imaging import need
from openslot.booking import absences, check
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.commands import BookingRequest
from openslot.booking.models import Appointment, GroupSession, Status
from openslot.booking.moves import CLAIMING, UNDONE_WITHIN
from openslot.booking.sessions import commands as sessions
from openslot.booking.slots import slots
from openslot.core.actor import SYSTEM, Actor
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.core.work import Work
from openslot.referrals import commands as referrals
from openslot.referrals.models import Kept, Referral
from openslot.resources.commands import GroupDetails, RoomDetails, create_group, create_room
from openslot.schedules import commands as schedule_commands
from openslot.schedules import diaries, known
from openslot.schedules.availability import DAY, Span
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import AbsenceKind
from openslot.schema import metadata
from openslot.usecases import booking as usecases
from openslot.usecases import itineraries, series
from town import Town, build_town
from working import work

CUTOFF = timedelta(hours=2)
KEEP = timedelta(minutes=10)
SLOT = timedelta(minutes=30)

MONDAY = date(2026, 11, 23)
DAYS = 3
"""All is played on the first days of one working week."""


def at(day: int, slot: int) -> datetime:
    """The start of a half hour of the week."""
    return datetime.combine(MONDAY, time(0), SYDNEY) + timedelta(days=day) + slot * SLOT


OFFERS = st.integers(0, 7)

SLOTS = st.sampled_from([*range(16, 24), *range(33, 37)])
"""Half hours at the beginning and the end of a day, so that they meet more often."""


class Bookings(RuleBasedStateMachine):
    """Patients, a clerk and the clock, in any order."""

    @initialize()
    def open_the_town(self) -> None:
        self.folder = TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name)}/openslot.sqlite3", DATA_KEYS)
        metadata.create_all(self.database.engine)
        self.town: Town = build_town(self.database)
        self.model = Model(datetime(2026, 11, 22, 8, 0, tzinfo=UTC), self.town.physio)
        town = self.town
        self.offers = [
            Offer(town.gp_at_hospital, town.gp, town.hospital),
            Offer(town.gp_at_clinic, town.gp, town.clinic),
            Offer(town.physio_at_hospital, town.physio, town.hospital),
            Offer(town.specialist_at_hospital, town.specialist, town.hospital),
            *self.database.run(self._midwife),
        ]

    def _midwife(self, session: Session) -> list[Offer]:
        """A practitioner with a talk that is prepared, a class, and a scan and a course that need
        others."""
        town, unit = self.town, self._work(session, SYSTEM)
        rooms = [create_room(unit, town.hospital, RoomDetails(name=name)) for name in ROOMS]
        self.room_names = {room.diary_id: room.name for room in rooms}
        midwife = factories.practitioner(session, "Ina May", "Nurse")
        schedule = factories.schedule(
            session, town.hospital, practitioner_id=midwife.id, step_minutes=30
        ).id
        talk = factories.offered_service(session, town.hospital, "Talk", minutes_before=30)
        lesson = factories.offered_service(
            session, town.hospital, "Class", minutes=60, minutes_after=30, places=2
        )
        scan = factories.offered_service(session, town.hospital, "Scan")
        course = factories.offered_service(session, town.hospital, "Course", minutes=60, places=2)
        group = GroupDetails(name="Rooms", resources=tuple(room.id for room in rooms))
        rooms_id = create_group(unit, town.hospital, group).id
        for service in (scan, course):
            need(session, service.id, rooms_id, profession="Physiotherapist")
        factories.offer(session, schedule, talk, lesson, scan, course)
        there = partial(Offer, schedule, midwife.id, town.hospital)
        return [
            there(talk.id, before=SLOT),
            there(lesson.id, minutes=60, after=SLOT, places=2),
            there(scan.id, needs_more=True),
            there(course.id, minutes=60, places=2, needs_more=True),
        ]

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    # What can happen

    @rule(
        offer=OFFERS,
        patient=st.integers(0, 2),
        day=st.integers(0, DAYS),
        slot=SLOTS,
        count=st.integers(1, 3),
        keep=st.booleans(),
    )
    def take(self, offer: int, patient: int, day: int, slot: int, count: int, keep: bool) -> None:
        wanted, starts = self.offers[offer], at(day, slot)
        ends = starts + timedelta(minutes=wanted.minutes * (1 if wanted.service else count))
        actor = self.town.patient(patient)
        usable = self.model.usable(patient)
        is_free = wanted.schedule != self.town.specialist_at_hospital
        admitted = is_free or bool(usable) or self.model.follows(patient, wanted.schedule)
        allowed = admitted and self.model.free(wanted, patient, starts, ends)
        with self._expecting(allowed):
            made = self.database.run(
                lambda session: (usecases.hold if keep else usecases.book)(
                    self._work(session, actor), self._request(wanted, patient, starts, ends)
                )
            )
            assert (made.referral_use in usable) == (not is_free and bool(usable))
            self._note(made, wanted, patient)

    @rule(
        offer=st.integers(4, 7),
        patient=st.integers(0, 2),
        day=st.integers(0, DAYS - 1),
        slot=SLOTS,
        count=st.integers(2, 3),
    )
    def take_a_series(self, offer: int, patient: int, day: int, slot: int, count: int) -> None:
        wanted = self.offers[offer]
        starts = [at(day + number, slot) for number in range(count)]
        length = timedelta(minutes=wanted.minutes)
        allowed = all(self.model.free(wanted, patient, start, start + length) for start in starts)
        with self._expecting(allowed):
            made = self.database.run(
                lambda session: series.book(
                    self._work(session, self.town.patient(patient)),
                    self._request(wanted, patient, starts[0], starts[0] + length),
                    starts,
                )
            )
            for one in made:
                self._note(one, wanted, patient)

    @rule(
        first=st.integers(4, 7),
        then=st.integers(4, 7),
        patient=st.integers(0, 2),
        day=st.integers(0, DAYS - 1),
        slot=SLOTS,
        later=SLOTS,
    )
    def take_an_itinerary(
        self, first: int, then: int, patient: int, day: int, slot: int, later: int
    ) -> None:
        steps = [(self.offers[first], at(day, slot)), (self.offers[then], at(day + 1, later))]
        wanted = [
            (offer, patient, start, start + timedelta(minutes=offer.minutes))
            for offer, start in steps
        ]
        with self._expecting(all(self.model.free(*step) for step in wanted)):
            made = self.database.run(
                lambda session: itineraries.book(
                    self._work(session, self.town.patient(patient)),
                    [self._request(*step) for step in wanted],
                )
            )
            for one, (offer, _start) in zip(made, steps, strict=True):
                self._note(one, offer, patient)

    @rule(
        offer=st.integers(4, 7),
        patient=st.integers(0, 2),
        day=st.integers(0, DAYS),
        slot=SLOTS,
    )
    def squeeze_in(self, offer: int, patient: int, day: int, slot: int) -> None:
        wanted, starts = self.offers[offer], at(day, slot)
        ends = starts + timedelta(minutes=wanted.minutes)
        busy = wanted.busy(starts, ends)
        own = {wanted.practitioner, self.model.rooms.get(wanted.schedule)}
        is_taken = self.model.is_away(wanted.practitioner, busy) or bool(
            own & self.model.taken(busy, ())
        )
        if is_taken and not self.model.time_is_free(wanted, starts, ends):
            allowed = self.model.can_squeeze(wanted, patient, starts, ends) and is_open(*busy)
        else:
            allowed = self.model.free(wanted, patient, starts, ends)
        asked = self._request(wanted, patient, starts, ends)
        with self._expecting(allowed):
            made = self.database.run(
                lambda session: usecases.book(
                    self._work(session, SYSTEM),
                    replace(asked, squeeze_in=True, reason="She bleeds"),
                )
            )
            self._note(made, wanted, patient)

    @precondition(lambda self: self._own_holds())
    @rule(pick=st.integers(0, 99))
    def confirm(self, pick: int) -> None:
        own = self._own_holds()
        key, appointment = own[pick % len(own)]
        offer, patient = appointment.offer, appointment.patient
        starts, ends = appointment.starts, appointment.ends
        # Nobody has taken its time, or it would no longer be held here.
        # So is its letter, unless the GP has taken that back meanwhile.
        is_free = offer.schedule != self.town.specialist_at_hospital
        follows = self.model.follows(patient, offer.schedule)
        if appointment.referral is None:
            kept = is_free or follows
        else:
            kept = self.model.referrals[appointment.referral] is not None
        others = self.model.usable(patient) if not kept else set()
        # A hold keeps its time from others; what keeps the practitioner away comes all the same.
        there = self.model.is_there(offer, starts, ends, self.model.others_of(appointment))
        anew = (bool(others) or follows) and self.model.free(
            offer, patient, starts, ends, besides=key
        )
        with self._expecting(there and (kept or anew)):
            made = self.database.run(
                lambda session: usecases.book(
                    self._work(session, self.town.patient(patient)),
                    self._request(offer, patient, starts, ends),
                    hold_id=key,
                )
            )
            if kept:
                assert made.id == key
                appointment.status = Status.BOOKED
            else:
                self._note(made, offer, patient)

    @precondition(lambda self: self._some(Status.BOOKED))
    @rule(pick=st.integers(0, 99), day=st.integers(0, DAYS), slot=SLOTS)
    def move(self, pick: int, day: int, slot: int) -> None:
        key, appointment = self._pick(Status.BOOKED, pick)
        offer, starts = appointment.offer, at(day, slot)
        ends = starts + (appointment.ends - appointment.starts)
        allowed = self.model.now <= appointment.starts - CUTOFF and self.model.free(
            offer, appointment.patient, starts, ends, besides=key
        )
        with self._expecting(allowed):
            actor = self.town.patient(appointment.patient)
            made = self.database.run(
                lambda session: booking.move(self._work(session, actor), key, starts)
            )
            self._note(made, offer, appointment.patient, keyed=appointment.keyed)

    @precondition(lambda self: self._some(Status.BOOKED))
    @rule(
        pick=st.integers(0, 99),
        to=st.sampled_from([Status.CANCELLED, Status.ARRIVED, Status.NO_SHOW]),
        by_patient=st.booleans(),
    )
    def change(self, pick: int, to: Status, by_patient: bool) -> None:
        key, appointment = self._pick(Status.BOOKED, pick)
        if by_patient:
            allowed = to is Status.CANCELLED and self.model.now <= appointment.starts - CUTOFF
        else:
            earliest = {
                Status.CANCELLED: self.model.now,
                Status.ARRIVED: appointment.starts - timedelta(hours=12),
                Status.NO_SHOW: appointment.starts,
            }
            allowed = self.model.now >= earliest[to]
        actor = self.town.patient(appointment.patient) if by_patient else SYSTEM
        with self._expecting(allowed):
            self.database.run(
                lambda session: usecases.change_status(self._work(session, actor), key, to)
            )
            appointment.status, appointment.changed = to, self.model.now

    @precondition(lambda self: self._some(Status.CANCELLED))
    @rule(pick=st.integers(0, 99))
    def undo(self, pick: int) -> None:
        key, appointment = self._pick(Status.CANCELLED, pick)
        offer, patient = appointment.offer, appointment.patient
        starts, ends = appointment.starts, appointment.ends
        letter = appointment.referral
        allowed = (
            self.model.now <= (appointment.changed or self.model.now) + UNDONE_WITHIN
            and self.model.now < starts
            and (letter is None or letter in self.model.usable(patient))
        )
        if appointment.squeezed:
            allowed = allowed and self.model.can_squeeze(offer, patient, starts, ends)
        else:
            allowed = allowed and self.model.free(offer, patient, starts, ends, in_hours=False)
        with self._expecting(allowed):
            actor = self.town.patient(patient)
            made = self.database.run(
                lambda session: usecases.change_status(
                    self._work(session, actor), key, Status.BOOKED
                )
            )
            self._note(made, offer, patient)

    # What staff do with sessions

    @rule(pick=st.sampled_from([5, 7]), day=st.integers(0, DAYS), slot=SLOTS)
    def make_a_session(self, pick: int, day: int, slot: int) -> None:
        offer, starts = self.offers[pick], at(day, slot)
        with self._expecting(self.model.can_meet(offer, starts, ())):
            made = self.database.run(
                lambda session: sessions.make_session(
                    self._work(session, SYSTEM), offer.schedule, starts, service_id=offer.service
                )
            )
            room = self.model.rooms.get(offer.schedule)
            self.model.sessions[made.id] = ModelSession(offer, starts, room, by_staff=True)
            self._note_needs(made.id, [made.id])

    @precondition(lambda self: bool(self.model.sessions))
    @rule(pick=st.integers(0, 99), day=st.integers(0, DAYS), slot=SLOTS)
    def move_a_session(self, pick: int, day: int, slot: int) -> None:
        key, group = list(self.model.sessions.items())[pick % len(self.model.sessions)]
        there, starts = self.model.in_session(key), at(day, slot)
        period = (starts, starts + (group.ends - group.starts))
        booked = {one_id: one for one_id, one in there.items() if one.status is Status.BOOKED}
        stays = starts == group.starts
        allowed = (
            self.model.has_not_begun(key)
            and self.model.can_meet(group.offer, starts, [key, *there])
            and (
                stays
                or not any(
                    self.model.is_busy(one.patient, period, there) for one in booked.values()
                )
            )
        )
        with self._expecting(allowed):
            self.database.run(
                lambda session: sessions.move_session(self._work(session, SYSTEM), key, starts)
            )
            group.starts, group.by_staff = starts, True
            group.room = self.model.rooms.get(group.offer.schedule)
            for one in there.values():
                if one.status is Status.HELD:
                    one.status = Status.EXPIRED
            self._note_needs(key, [key, *there])
            for one_id, one in {} if stays else booked.items():
                is_second = self.model.sees_that_day(group.offer, one.patient, starts, one_id)
                one.keyed = one.keyed and not is_second
                one.starts, one.ends = period
                self._release_for(one)

    @precondition(lambda self: bool(self.model.sessions))
    @rule(pick=st.integers(0, 99))
    def cancel_a_session(self, pick: int) -> None:
        key = list(self.model.sessions)[pick % len(self.model.sessions)]
        with self._expecting(self.model.has_not_begun(key)):
            self.database.run(
                lambda session: sessions.cancel_session(self._work(session, SYSTEM), key)
            )
            for one in self.model.in_session(key).values():
                is_hold = one.status is Status.HELD
                one.status = Status.EXPIRED if is_hold else Status.CANCELLED
                one.changed = self.model.now
            del self.model.sessions[key]

    # What else happens

    @rule(patient=st.integers(0, 2))
    def refer(self, patient: int) -> None:
        letter = Referral(
            patient_id=self.town.patients[patient],
            gp_id=self.town.gp,
            expertise="dental",
            letter="Please see.",
            status=Kept.SENT,
            created_at=self.model.now,
            sent_at=self.model.now,
            expires_at=self.model.now + timedelta(days=365),
        )
        self.database.run(lambda session: session.add(letter))
        self.model.referrals[letter.id] = patient

    @precondition(lambda self: any(who is not None for who in self.model.referrals.values()))
    @rule(pick=st.integers(0, 99))
    def revoke(self, pick: int) -> None:
        sent = [key for key, whose in self.model.referrals.items() if whose is not None]
        key = sent[pick % len(sent)]
        whose = self.model.referrals[key]
        with self._expecting(whose is not None and key in self.model.usable(whose)):
            self.database.run(
                lambda session: referrals.revoke(self._work(session, self.town.doctor), key)
            )
            self.model.referrals[key] = None

    @rule(
        whose=st.sampled_from([0, 2, 4]),
        day=st.integers(0, DAYS),
        hour=st.integers(8, 16),
        hours=st.integers(1, 30),
    )
    def leave(self, whose: int, day: int, hour: int, hours: int) -> None:
        who = self.offers[whose].practitioner
        starts = datetime.combine(MONDAY + timedelta(days=day), time(hour), SYDNEY)
        ends = starts + timedelta(hours=hours)
        details = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=starts, ends_at=ends)
        made = self.database.run(
            lambda session: absences.enter_absence(self._work(session, SYSTEM), who, details)
        )
        self.model.absences[made.id] = (who, starts, ends)
        # What was offered there is offered no longer; what patients pressed stays.
        for appointment in self.model.appointments.values():
            is_inside = appointment.starts < ends and starts < appointment.ends
            kept = appointment.status is Status.HELD and appointment.offered
            if appointment.offer.practitioner == who and kept and is_inside:
                appointment.status = Status.EXPIRED

    @precondition(lambda self: bool(self.model.absences))
    @rule(pick=st.integers(0, 99))
    def come_back(self, pick: int) -> None:
        key = list(self.model.absences)[pick % len(self.model.absences)]
        self.database.run(
            lambda session: absences.end_absence(
                self._work(session, SYSTEM), self.model.absences[key][0], key
            )
        )
        del self.model.absences[key]

    @rule(day=st.integers(0, DAYS), hour=st.integers(8, 16), hours=st.integers(1, 10))
    def close_the_hospital(self, day: int, hour: int, hours: int) -> None:
        starts = datetime.combine(MONDAY + timedelta(days=day), time(hour), SYDNEY)
        ends = starts + timedelta(hours=hours)
        made = self.database.run(
            lambda session: schedule_commands.close_centre(
                self._work(session, SYSTEM),
                self.town.hospital,
                starts=starts,
                ends=ends,
                reason="Flood",
            )
        )
        self.model.closures[made.id] = (self.town.hospital, starts, ends)

    @precondition(lambda self: bool(self.model.closures))
    @rule(pick=st.integers(0, 99))
    def reopen(self, pick: int) -> None:
        key = list(self.model.closures)[pick % len(self.model.closures)]
        self.database.run(
            lambda session: schedule_commands.reopen_centre(self._work(session, SYSTEM), key)
        )
        del self.model.closures[key]

    @rule(offer=st.integers(0, 4), room=st.sampled_from([None, *ROOMS]))
    def change_the_room(self, offer: int, room: str | None) -> None:
        schedule = self.offers[offer].schedule
        if self.offers[offer].centre == self.town.hospital:
            details = ScheduleDetails(room=room, step_minutes=30)
            self.database.run(
                lambda session: schedule_commands.change_schedule(
                    self._work(session, SYSTEM), schedule, details
                )
            )
            self.model.rooms[schedule] = room

    @precondition(lambda self: bool(self.model.appointments))
    @rule(pick=st.integers(0, 99))
    def repair_what_is_right(self, pick: int) -> None:
        """Nothing changes, whatever is called a fault."""
        pages = self.database.read(diaries.all_pages)
        if pages:
            diary_id, day = sorted(pages)[pick % len(pages)]
            start = Span(day * DAY, day * DAY + 1)
            check.repair(self.database, [check.Fault(check.TAKEN_BY_NOTHING, diary_id, start)])
        assert self.database.read(diaries.all_pages) == pages

    @rule(minutes=st.sampled_from([1, 9, 10, 11, 180, 600, 1440]))
    def time_passes(self, minutes: int) -> None:
        self.model.now += timedelta(minutes=minutes)

    @rule()
    def expire_due(self) -> None:
        self.database.run(lambda session: booking.expire_due(self._work(session, SYSTEM)))
        for appointment in self.model.appointments.values():
            if (
                appointment.status is Status.HELD
                and (appointment.held_until or self.model.now) <= self.model.now
            ):
                appointment.status = Status.EXPIRED
        self.model.forget_empty_sessions()

    # What always holds

    @invariant()
    def the_diaries_are_right(self) -> None:
        if hasattr(self, "database"):
            assert check.faults(self.database) == []

    @invariant()
    def model_and_system_agree_on_every_appointment(self) -> None:
        if not hasattr(self, "database"):
            return
        rows = self.database.read(lambda session: list(session.query(Appointment)))
        found = {row.id: (row.starts_at, row.ends_at, Status(row.status)) for row in rows}
        expected = {
            key: (appointment.starts, appointment.ends, appointment.status)
            for key, appointment in self.model.appointments.items()
        }
        assert found == expected

    @invariant()
    def no_referral_is_used_by_two(self) -> None:
        if not hasattr(self, "database"):
            return
        rows = self.database.read(lambda session: list(session.query(Appointment)))
        used = {row.id: row.referral_use for row in rows if row.referral_use}
        assert len(set(used.values())) == len(used)
        assert used == {
            key: appointment.referral
            for key, appointment in self.model.appointments.items()
            if appointment.referral and appointment.status in CLAIMING
        }

    @invariant()
    def model_and_system_agree_on_every_session(self) -> None:
        if not hasattr(self, "database"):
            return
        rows = self.database.read(
            lambda session: list(session.query(GroupSession).filter_by(released=False))
        )
        assert {row.id: (row.starts_at, row.taken) for row in rows} == {
            key: (group.starts, len(self.model.in_session(key)))
            for key, group in self.model.sessions.items()
        }

    @invariant()
    def model_and_system_agree_on_free_time(self) -> None:
        if not hasattr(self, "database"):
            return
        for offer in self.offers:
            found = self.database.read(lambda session, offer=offer: self._found(session, offer))
            starts = (at(day, slot) for day in range(DAYS + 1) for slot in range(16, 37))
            length = timedelta(minutes=offer.minutes)
            assert found == [
                start for start in starts if self.model.time_is_free(offer, start, start + length)
            ]

    def _found(self, session: Session, offer: Offer) -> list[datetime]:
        place = known.bookable(session)[offer.schedule].place.offering(offer.service)
        assert place is not None
        unit = self._work(session, SYSTEM)
        free = slots(unit, {offer.schedule: place}, at(0, 0), at(DAYS + 1, 0))
        return [slot.start for slot in free]

    # How the model learns

    def _work(self, session: Session, actor: Actor) -> Work:
        return work(
            session,
            actor,
            self.model.now,
            keep=KEEP,
            cutoff=CUTOFF,
            most_upcoming=0,
            most_upcoming_with=0,
            squeezed_in_a_day=A_DAY,
        )

    def _request(
        self, offer: Offer, patient: int, starts: datetime, ends: datetime
    ) -> BookingRequest:
        minutes = None if offer.service else int((ends - starts).total_seconds()) // 60
        asked = self.town.booking_request(starts, schedule=offer.schedule, patient=patient)
        return replace(asked, minutes=minutes, service_id=offer.service)

    def _note(self, made: Appointment, offer: Offer, patient: int, *, keyed: bool = True) -> None:
        """Know what was booked, held or moved, and what that lets go."""
        room, new = self.model.rooms.get(offer.schedule), None
        taken = ModelAppointment(
            offer,
            patient,
            made.starts_at,
            made.ends_at,
            Status(made.status),
            made.held_until,
            made.referral_use,
            room=room,
            squeezed=made.squeezed_in,
            session=made.session_id,
            keyed=keyed,
        )
        if offer.places > 1 and not taken.squeezed:
            found = self.model.session_at(offer, taken.starts)
            assert made.session_id
            assert made.session_id == (found or made.session_id)
            new = ModelSession(offer, taken.starts, room, by_staff=False)
            self.model.sessions.setdefault(made.session_id, new)
        self.model.appointments[made.id] = taken
        self._release_for(taken)
        if taken.session and self.model.sessions[taken.session] is new:
            self._note_needs(taken.session, [made.id])
        elif offer.needs_more and not taken.squeezed and not taken.session:
            taken.others = self._serving(Appointment, made.id, taken, [made.id])

    def _note_needs(self, key: UUID, besides: Leaving) -> None:
        """Know whom a session needs that was made or moved."""
        group = self.model.sessions[key]
        if group.offer.needs_more:
            group.others = self._serving(GroupSession, key, group, besides)

    def _serving(
        self,
        kind: type[Appointment] | type[GroupSession],
        key: UUID,
        taken: ModelAppointment | ModelSession,
        besides: Leaving,
    ) -> frozenset[object]:
        """Who and what serves a scan: the physiotherapist, and a room that is free."""
        busy = taken.offer.busy(taken.starts, taken.ends)
        able = self.model.able(taken.offer, busy, self.model.taken(busy, besides))
        ids = self.database.read(
            lambda session: [one.diary_id for one in session.get_one(kind, key).resources]
        )
        rooms = {self.room_names[one] for one in ids if one in self.room_names}
        assert rooms <= able
        assert len(rooms) == (0 if taken.room in ROOMS else 1)
        assert len(ids) == len(rooms) + 1
        return frozenset({self.town.physio, *rooms})

    def _own_holds(self) -> list[tuple[UUID, ModelAppointment]]:
        """What patients hold because they pressed it."""
        return [
            item
            for item in self.model.appointments.items()
            if item[1].status is Status.HELD and not item[1].offered
        ]

    def _release_for(self, taken: ModelAppointment) -> None:
        """A new time lets the patient's own holds go, and offers that could not be besides."""
        for appointment in self.model.holds_of(taken.patient).values():
            overlaps = appointment.starts < taken.ends and taken.starts < appointment.ends
            same_day = (
                appointment.offer.practitioner == taken.offer.practitioner
                and appointment.starts.astimezone(SYDNEY).date()
                == taken.starts.astimezone(SYDNEY).date()
            )
            if appointment is not taken and (not appointment.offered or overlaps or same_day):
                appointment.status = Status.EXPIRED
        self._note_what_expired()

    def _note_what_expired(self) -> None:
        """Holds that ran out and stood in the way of a new time have lapsed with it."""
        rows = self.database.read(lambda session: list(session.query(Appointment)))
        expired = {row.id for row in rows if row.status == Status.EXPIRED}
        for key, appointment in self.model.appointments.items():
            ran_out = (appointment.held_until or self.model.now) <= self.model.now
            if appointment.status is Status.HELD and ran_out and key in expired:
                appointment.status = Status.EXPIRED
        self.model.forget_empty_sessions()

    def _some(self, status: Status) -> bool:
        return any(appointment.status is status for appointment in self.model.appointments.values())

    def _pick(self, status: Status, pick: int) -> tuple[UUID, ModelAppointment]:
        chosen = [item for item in self.model.appointments.items() if item[1].status is status]
        return chosen[pick % len(chosen)]

    @contextmanager
    def _expecting(self, allowed: bool) -> Iterator[None]:
        """The step goes through if and only if the model allows it."""
        refusal: DomainError | None = None
        try:
            yield
        except DomainError as refused:
            refusal = refused
        assert (refusal is None) == allowed, refusal
        self._note_what_expired()


class TestBookings(Bookings.TestCase):  # type: ignore[misc, name-defined] # made at run time
    """Random lives, shrunk to the shortest that fails."""

    settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
