"""The whole life of bookings against a naive model that keeps lists and compares intervals.

After every step the model and the system agree on who has what when, on which starts are
free, and `openslot check` finds nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from factories import SYDNEY
from openslot.booking import absences, check
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, Status
from openslot.booking.rules import CLAIMING
from openslot.booking.slots import slots
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.referrals import commands as referrals
from openslot.referrals.models import Kept, Referral
from openslot.schedules import commands as schedule_commands
from openslot.schedules import diaries
from openslot.schedules import queries as schedules
from openslot.schedules.availability import DAY, Span
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.schema import metadata
from openslot.usecases import booking as usecases
from town import Town, build_town
from working import work

CUTOFF = timedelta(hours=2)
KEEP = timedelta(minutes=10)
SLOT = timedelta(minutes=30)

MONDAY = date(2026, 11, 23)
DAYS = 4
"""All is played on one working week."""


@dataclass
class ModelAppointment:
    """An appointment as the model knows it."""

    schedule: int
    practitioner: int
    patient: int
    starts: datetime
    ends: datetime
    status: Status
    held_until: datetime | None = None
    referral: UUID | None = None
    offered: bool = False
    room: str | None = None


@dataclass
class Model:
    """What ought to be: lists of appointments, absences, closures and referrals, searched one by
    one. A referral is known by its patient, and None once it is revoked. ``rooms`` are those
    that the schedules have now; an appointment stays in the one that it was booked into."""

    appointments: dict[UUID, ModelAppointment] = field(default_factory=dict)
    absences: dict[UUID, tuple[int, datetime, datetime]] = field(default_factory=dict)
    closures: dict[int, tuple[int, datetime, datetime]] = field(default_factory=dict)
    referrals: dict[UUID, int | None] = field(default_factory=dict)
    rooms: dict[int, str | None] = field(default_factory=dict)

    def in_the_way(
        self, now: datetime, starts: datetime, ends: datetime, *, besides: UUID | None
    ) -> Iterator[ModelAppointment]:
        """The appointments that keep some of the period."""
        for key, appointment in self.appointments.items():
            expired = appointment.status is Status.HELD and (appointment.held_until or now) <= now
            keeps = appointment.status in CLAIMING and not expired and key != besides
            if keeps and appointment.starts < ends and starts < appointment.ends:
                yield appointment

    def usable(self, patient: int) -> set[UUID]:
        """The patient's referrals that no appointment has used up; a hold uses nothing up."""
        used = {
            appointment.referral
            for appointment in self.appointments.values()
            if appointment.status in CLAIMING and appointment.status is not Status.HELD
        }
        return {key for key, whose in self.referrals.items() if whose == patient} - used

    def follows(self, patient: int, schedule: int) -> bool:
        """Whether the specialist has seen the patient with a referral, and may see them again."""
        return any(
            one.referral is not None
            and (one.patient, one.schedule) == (patient, schedule)
            and one.status in (Status.ARRIVED, Status.FULFILLED)
            for one in self.appointments.values()
        )


def is_open(starts: datetime, ends: datetime) -> bool:
    """Weekdays from 9 to 17, every half hour."""
    local = starts.astimezone(SYDNEY)
    closes = datetime.combine(local.date(), time(17), SYDNEY)
    return local.weekday() < 5 and time(9) <= local.time() and ends <= closes


class Bookings(RuleBasedStateMachine):
    """Patients, a clerk and the clock, in any order."""

    @initialize()
    def open_the_town(self) -> None:
        self.folder = TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name)}/openslot.sqlite3")
        metadata.create_all(self.database.engine)
        self.town: Town = build_town(self.database)
        self.now = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
        self.model = Model()
        town = self.town
        self.places = {
            town.gp_at_hospital: (town.gp, town.hospital),
            town.gp_at_clinic: (town.gp, town.clinic),
            town.physio_at_hospital: (town.physio, town.hospital),
            town.specialist_at_hospital: (town.specialist, town.hospital),
        }

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    # What can happen

    @rule(
        place=st.integers(0, 3),
        patient=st.integers(0, 2),
        day=st.integers(0, DAYS),
        slot=st.integers(16, 36),
        count=st.integers(1, 3),
        keep=st.booleans(),
    )
    def take(self, place: int, patient: int, day: int, slot: int, count: int, keep: bool) -> None:
        schedule = list(self.places)[place]
        starts = datetime.combine(MONDAY, time(0), SYDNEY) + timedelta(days=day) + slot * SLOT
        ends = starts + count * SLOT
        booking_request = self.town.booking_request(
            starts, schedule=schedule, patient=patient, minutes=30 * count
        )
        actor = self.town.patient(patient)
        usable = self.model.usable(patient)
        is_free = schedule != self.town.specialist_at_hospital
        admitted = is_free or bool(usable) or self.model.follows(patient, schedule)
        allowed = admitted and self._free(schedule, patient, starts, ends)
        with self._expecting(allowed):
            made = self.database.run(
                lambda session: (
                    usecases.hold(work(session, actor, self.now, keep=KEEP), booking_request)
                    if keep
                    else usecases.book(work(session, actor, self.now), booking_request)
                )
            )
            assert (made.referral_use in usable) == (not is_free and bool(usable))
            taken = ModelAppointment(
                schedule,
                self.places[schedule][0],
                patient,
                starts,
                ends,
                Status(made.status),
                made.held_until,
                made.referral_use,
                room=self.model.rooms.get(schedule),
            )
            self._release_for(taken)
            self.model.appointments[made.id] = taken

    @precondition(lambda self: self._own_holds())
    @rule(pick=st.integers(0, 99))
    def confirm(self, pick: int) -> None:
        own = self._own_holds()
        key, appointment = own[pick % len(own)]
        booking_request = self.town.booking_request(
            appointment.starts,
            schedule=appointment.schedule,
            patient=appointment.patient,
            minutes=int((appointment.ends - appointment.starts).total_seconds()) // 60,
        )
        actor = self.town.patient(appointment.patient)
        # Nobody has taken its time, or it would no longer be held here.
        # So is its letter, unless the GP has taken that back meanwhile.
        is_free = appointment.schedule != self.town.specialist_at_hospital
        follows = self.model.follows(appointment.patient, appointment.schedule)
        if appointment.referral is None:
            kept = is_free or follows
        else:
            kept = self.model.referrals[appointment.referral] is not None
        others = self.model.usable(appointment.patient) if not kept else set()
        # A hold keeps its time from others; what keeps the practitioner away comes all the same.
        there = self._time_is_offered(appointment.schedule, appointment.starts, appointment.ends)
        anew = (bool(others) or follows) and self._free(
            appointment.schedule,
            appointment.patient,
            appointment.starts,
            appointment.ends,
            besides=key,
        )
        with self._expecting(there and (kept or anew)):
            made = self.database.run(
                lambda session: usecases.book(
                    work(session, actor, self.now), booking_request, hold_id=key
                )
            )
            if kept:
                assert made.id == key
                appointment.status = Status.BOOKED
            else:
                taken = replace(
                    appointment,
                    status=Status.BOOKED,
                    held_until=None,
                    referral=made.referral_use,
                    room=self.model.rooms.get(appointment.schedule),
                )
                self._release_for(taken)
                self.model.appointments[made.id] = taken

    @precondition(lambda self: self._some(Status.BOOKED))
    @rule(pick=st.integers(0, 99), day=st.integers(0, DAYS), slot=st.integers(16, 36))
    def move(self, pick: int, day: int, slot: int) -> None:
        key, appointment = self._pick(Status.BOOKED, pick)
        starts = datetime.combine(MONDAY, time(0), SYDNEY) + timedelta(days=day) + slot * SLOT
        ends = starts + (appointment.ends - appointment.starts)
        allowed = self.now <= appointment.starts - CUTOFF and self._free(
            appointment.schedule, appointment.patient, starts, ends, besides=key
        )
        with self._expecting(allowed):
            self.database.run(
                lambda session: booking.move(
                    work(session, self.town.patient(appointment.patient), self.now, cutoff=CUTOFF),
                    key,
                    starts,
                )
            )
            appointment.starts, appointment.ends = starts, ends
            appointment.room = self.model.rooms.get(appointment.schedule)
            self._release_for(appointment)

    @precondition(lambda self: self._some(Status.BOOKED))
    @rule(
        pick=st.integers(0, 99),
        to=st.sampled_from([Status.CANCELLED, Status.ARRIVED, Status.NO_SHOW]),
        by_patient=st.booleans(),
    )
    def change(self, pick: int, to: Status, by_patient: bool) -> None:
        key, appointment = self._pick(Status.BOOKED, pick)
        if by_patient:
            allowed = to is Status.CANCELLED and self.now <= appointment.starts - CUTOFF
        else:
            earliest = {
                Status.CANCELLED: self.now,
                Status.ARRIVED: appointment.starts - timedelta(hours=12),
                Status.NO_SHOW: appointment.starts,
            }
            allowed = self.now >= earliest[to]
        actor = self.town.patient(appointment.patient) if by_patient else SYSTEM
        with self._expecting(allowed):
            self.database.run(
                lambda session: booking.change_status(
                    work(session, actor, self.now, cutoff=CUTOFF), key, to
                )
            )
            appointment.status = to

    @rule(patient=st.integers(0, 2))
    def refer(self, patient: int) -> None:
        letter = Referral(
            patient_id=self.town.patients[patient],
            gp_id=self.town.gp,
            expertise="dental",
            letter="Please see.",
            status=Kept.SENT,
            created_at=self.now,
            sent_at=self.now,
            expires_at=self.now + timedelta(days=365),
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
                lambda session: referrals.revoke(work(session, self.town.doctor, self.now), key)
            )
            self.model.referrals[key] = None

    @rule(day=st.integers(0, DAYS), hour=st.integers(8, 16), hours=st.integers(1, 30))
    def leave(self, day: int, hour: int, hours: int) -> None:
        starts = datetime.combine(MONDAY + timedelta(days=day), time(hour), SYDNEY)
        ends = starts + timedelta(hours=hours)
        details = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=starts, ends_at=ends)
        made = self.database.run(
            lambda session: absences.enter_absence(
                work(session, SYSTEM, self.now), self.town.gp, details
            )
        )
        self.model.absences[made.id] = (self.town.gp, starts, ends)
        # What was offered there is offered no longer; what patients pressed stays.
        for appointment in self.model.appointments.values():
            is_inside = appointment.starts < ends and starts < appointment.ends
            kept = appointment.status is Status.HELD and appointment.offered
            if appointment.practitioner == self.town.gp and kept and is_inside:
                appointment.status = Status.EXPIRED

    @precondition(lambda self: bool(self.model.absences))
    @rule(pick=st.integers(0, 99))
    def come_back(self, pick: int) -> None:
        key = list(self.model.absences)[pick % len(self.model.absences)]
        self.database.run(
            lambda session: absences.end_absence(work(session, SYSTEM, self.now), self.town.gp, key)
        )
        del self.model.absences[key]

    @rule(day=st.integers(0, DAYS), hour=st.integers(8, 16), hours=st.integers(1, 10))
    def close_the_hospital(self, day: int, hour: int, hours: int) -> None:
        starts = datetime.combine(MONDAY + timedelta(days=day), time(hour), SYDNEY)
        ends = starts + timedelta(hours=hours)
        made = self.database.run(
            lambda session: schedule_commands.close_centre(
                work(session, SYSTEM, self.now),
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
            lambda session: schedule_commands.reopen_centre(work(session, SYSTEM, self.now), key)
        )
        del self.model.closures[key]

    @rule(place=st.integers(0, 3), room=st.sampled_from([None, "Room 1", "Room 2"]))
    def change_the_room(self, place: int, room: str | None) -> None:
        schedule = list(self.places)[place]
        if self.places[schedule][1] == self.town.hospital:
            details = ScheduleDetails(room=room)
            self.database.run(
                lambda session: schedule_commands.change_schedule(
                    work(session, SYSTEM, self.now), schedule, details
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
        self.now += timedelta(minutes=minutes)

    @rule()
    def expire_due(self) -> None:
        self.database.run(lambda session: booking.expire_due(work(session, now=self.now)))
        for appointment in self.model.appointments.values():
            if (
                appointment.status is Status.HELD
                and (appointment.held_until or self.now) <= self.now
            ):
                appointment.status = Status.EXPIRED

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
    def model_and_system_agree_on_free_time(self) -> None:
        if not hasattr(self, "database"):
            return
        starts = datetime.combine(MONDAY, time(0), SYDNEY)
        ends = starts + timedelta(days=DAYS + 1)
        for schedule in self.places:
            found = self.database.read(
                lambda session, schedule=schedule: slots(
                    work(session, now=self.now),
                    schedules.places(session, Schedule.id == schedule),
                    starts,
                    ends,
                )
            )
            expected = []
            for slot in range((DAYS + 1) * 48):
                at = starts + slot * SLOT
                if 17 <= slot % 48 <= 35 and self._time_is_free(schedule, at, at + SLOT):
                    expected.append(at)
            assert [slot.start for slot in found] == expected

    # How the model decides

    def _free(
        self,
        schedule: int,
        patient: int,
        starts: datetime,
        ends: datetime,
        *,
        besides: UUID | None = None,
    ) -> bool:
        """Whether a patient can take this; their holds in its way are let go for it."""
        practitioner = self.places[schedule][0]
        own_holds = self._holds_of(patient)
        for appointment in self.model.in_the_way(self.now, starts, ends, besides=besides):
            if appointment in own_holds:
                continue
            if appointment.practitioner == practitioner or appointment.patient == patient:
                return False
            if self._shares_room(schedule, appointment):
                return False
        same_day = any(
            appointment.patient == patient
            and appointment.practitioner == practitioner
            and key != besides
            and appointment.status in (Status.BOOKED, Status.ARRIVED)
            and appointment.starts.astimezone(SYDNEY).date() == starts.astimezone(SYDNEY).date()
            for key, appointment in self.model.appointments.items()
        )
        return not same_day and self._time_is_offered(schedule, starts, ends)

    def _time_is_free(self, schedule: int, starts: datetime, ends: datetime) -> bool:
        practitioner = self.places[schedule][0]
        taken = any(
            appointment.practitioner == practitioner or self._shares_room(schedule, appointment)
            for appointment in self.model.in_the_way(self.now, starts, ends, besides=None)
        )
        return not taken and self._time_is_offered(schedule, starts, ends)

    def _shares_room(self, schedule: int, appointment: ModelAppointment) -> bool:
        room = self.model.rooms.get(schedule)
        return room is not None and appointment.room == room

    def _time_is_offered(self, schedule: int, starts: datetime, ends: datetime) -> bool:
        practitioner, centre = self.places[schedule]
        away = any(
            who == practitioner and begins < ends and starts < finishes
            for who, begins, finishes in self.model.absences.values()
        )
        closed = any(
            where == centre and begins < ends and starts < finishes
            for where, begins, finishes in self.model.closures.values()
        )
        return starts >= self.now and is_open(starts, ends) and not away and not closed

    def _holds_of(self, patient: int) -> list[ModelAppointment]:
        return [
            appointment
            for appointment in self.model.appointments.values()
            if appointment.patient == patient and appointment.status is Status.HELD
        ]

    def _own_holds(self) -> list[tuple[UUID, ModelAppointment]]:
        """What patients hold because they pressed it."""
        return [
            item
            for item in self.model.appointments.items()
            if item[1].status is Status.HELD and not item[1].offered
        ]

    def _release_for(self, taken: ModelAppointment) -> None:
        """A new time lets the patient's own holds go, and offers that could not be besides."""
        for appointment in self._holds_of(taken.patient):
            overlaps = appointment.starts < taken.ends and taken.starts < appointment.ends
            same_day = (
                appointment.practitioner == taken.practitioner
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
            ran_out = (appointment.held_until or self.now) <= self.now
            if appointment.status is Status.HELD and ran_out and key in expired:
                appointment.status = Status.EXPIRED

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


class TestBookings(Bookings.TestCase):  # type: ignore[misc, name-defined] # made at run time
    """Random lives, shrunk to the shortest that fails."""

    settings = settings(max_examples=12, stateful_step_count=25, deadline=None)
