"""The whole life of bookings against a naive model that keeps lists and compares intervals.

After every step the model and the system agree on who has what when, on which starts are
free, and `openslot check` finds nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from openslot.booking import absences, check
from openslot.booking import commands as booking
from openslot.booking.absences import AbsenceDetails
from openslot.booking.models import Appointment, Status
from openslot.booking.rules import CLAIMING
from openslot.booking.slots import slots
from openslot.core.db import Database
from openslot.core.errors import DomainError
from openslot.directory.rules import SYSTEM
from openslot.schedules import commands as schedule_commands
from openslot.schedules import queries as schedules
from openslot.schedules.models import AbsenceKind, Schedule
from openslot.schema import metadata
from town import SYDNEY, Town, build_town

CUTOFF = timedelta(hours=2)
KEEP = timedelta(minutes=10)
SLOT = timedelta(minutes=30)

MONDAY = date(2026, 11, 23)
DAYS = 4
"""All is played on one working week."""


@dataclass
class ModelVisit:
    """A visit as the model knows it."""

    schedule: int
    practitioner: int
    patient: int
    starts: datetime
    ends: datetime
    status: Status
    held_until: datetime | None = None


@dataclass
class Model:
    """What ought to be: lists of visits, absences and closures, searched one by one."""

    visits: dict[UUID, ModelVisit] = field(default_factory=dict)
    absences: dict[UUID, tuple[int, datetime, datetime]] = field(default_factory=dict)
    closures: dict[int, tuple[int, datetime, datetime]] = field(default_factory=dict)

    def in_the_way(
        self, now: datetime, starts: datetime, ends: datetime, *, besides: UUID | None
    ) -> Iterator[ModelVisit]:
        """The visits that keep some of the period."""
        for key, visit in self.visits.items():
            lapsed = visit.status is Status.HELD and (visit.held_until or now) <= now
            keeps = visit.status in CLAIMING and not lapsed and key != besides
            if keeps and visit.starts < ends and starts < visit.ends:
                yield visit


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
        }

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    # What can happen

    @rule(
        place=st.integers(0, 2), patient=st.integers(0, 2), day=st.integers(0, DAYS),
        slot=st.integers(16, 36), count=st.integers(1, 3), keep=st.booleans(),
    )  # fmt: skip
    def take(self, place: int, patient: int, day: int, slot: int, count: int, keep: bool) -> None:
        schedule = list(self.places)[place]
        starts = datetime.combine(MONDAY, time(0), SYDNEY) + timedelta(days=day) + slot * SLOT
        ends = starts + count * SLOT
        wish = self.town.wish(starts, schedule=schedule, patient=patient, minutes=30 * count)
        actor = self.town.patient(patient)
        allowed = self._free(schedule, patient, starts, ends, keeps_holds=False)
        with self._expecting(allowed):
            made = self.database.run(
                lambda session: (
                    booking.hold(session, actor, wish, now=self.now, keep=KEEP)
                    if keep
                    else booking.book(session, actor, wish, now=self.now)
                )
            )
            self._let_go_holds_of(patient)
            self.model.visits[made.id] = ModelVisit(
                schedule, self.places[schedule][0], patient, starts, ends,
                Status(made.status), made.held_until,
            )  # fmt: skip

    @precondition(lambda self: self._some(Status.HELD))
    @rule(pick=st.integers(0, 99))
    def confirm(self, pick: int) -> None:
        key, visit = self._pick(Status.HELD, pick)
        wish = self.town.wish(
            visit.starts, schedule=visit.schedule, patient=visit.patient,
            minutes=int((visit.ends - visit.starts).total_seconds()) // 60,
        )  # fmt: skip
        actor = self.town.patient(visit.patient)
        # Nobody has taken its time, or it would no longer be held here.
        made = self.database.run(
            lambda session: booking.book(session, actor, wish, now=self.now, hold_id=key)
        )
        assert made.id == key
        visit.status = Status.BOOKED

    @precondition(lambda self: self._some(Status.BOOKED))
    @rule(pick=st.integers(0, 99), day=st.integers(0, DAYS), slot=st.integers(16, 36))
    def move(self, pick: int, day: int, slot: int) -> None:
        key, visit = self._pick(Status.BOOKED, pick)
        starts = datetime.combine(MONDAY, time(0), SYDNEY) + timedelta(days=day) + slot * SLOT
        ends = starts + (visit.ends - visit.starts)
        allowed = self.now <= visit.starts - CUTOFF and self._free(
            visit.schedule, visit.patient, starts, ends, keeps_holds=True, besides=key
        )
        with self._expecting(allowed):
            self.database.run(
                lambda session: booking.move(
                    session, self.town.patient(visit.patient), key, starts,
                    now=self.now, cutoff=CUTOFF,
                )
            )  # fmt: skip
            visit.starts, visit.ends = starts, ends

    @precondition(lambda self: self._some(Status.BOOKED))
    @rule(
        pick=st.integers(0, 99),
        to=st.sampled_from([Status.CANCELLED, Status.ARRIVED, Status.NO_SHOW]),
        by_patient=st.booleans(),
    )
    def change(self, pick: int, to: Status, by_patient: bool) -> None:
        key, visit = self._pick(Status.BOOKED, pick)
        if by_patient:
            allowed = to is Status.CANCELLED and self.now <= visit.starts - CUTOFF
        else:
            earliest = {
                Status.CANCELLED: self.now,
                Status.ARRIVED: visit.starts - timedelta(hours=12),
                Status.NO_SHOW: visit.starts,
            }
            allowed = self.now >= earliest[to]
        actor = self.town.patient(visit.patient) if by_patient else SYSTEM
        with self._expecting(allowed):
            self.database.run(
                lambda session: booking.change_status(
                    session, actor, key, to, now=self.now, cutoff=CUTOFF
                )
            )
            visit.status = to

    @rule(day=st.integers(0, DAYS), hour=st.integers(8, 16), hours=st.integers(1, 30))
    def leave(self, day: int, hour: int, hours: int) -> None:
        starts = datetime.combine(MONDAY + timedelta(days=day), time(hour), SYDNEY)
        ends = starts + timedelta(hours=hours)
        details = AbsenceDetails(kind=AbsenceKind.LEAVE, starts_at=starts, ends_at=ends)
        made = self.database.run(
            lambda session: absences.enter_absence(
                session, SYSTEM, self.town.gp, details, now=self.now
            )
        )
        self.model.absences[made.id] = (self.town.gp, starts, ends)

    @precondition(lambda self: bool(self.model.absences))
    @rule(pick=st.integers(0, 99))
    def come_back(self, pick: int) -> None:
        key = list(self.model.absences)[pick % len(self.model.absences)]
        self.database.run(
            lambda session: absences.end_absence(session, SYSTEM, self.town.gp, key, now=self.now)
        )
        del self.model.absences[key]

    @rule(day=st.integers(0, DAYS), hour=st.integers(8, 16), hours=st.integers(1, 10))
    def close_the_hospital(self, day: int, hour: int, hours: int) -> None:
        starts = datetime.combine(MONDAY + timedelta(days=day), time(hour), SYDNEY)
        ends = starts + timedelta(hours=hours)
        made = self.database.run(
            lambda session: schedule_commands.close_centre(
                session, SYSTEM, self.town.hospital,
                starts=starts, ends=ends, reason="Flood", now=self.now,
            )
        )  # fmt: skip
        self.model.closures[made.id] = (self.town.hospital, starts, ends)

    @precondition(lambda self: bool(self.model.closures))
    @rule(pick=st.integers(0, 99))
    def reopen(self, pick: int) -> None:
        key = list(self.model.closures)[pick % len(self.model.closures)]
        self.database.run(
            lambda session: schedule_commands.reopen_centre(session, SYSTEM, key, now=self.now)
        )
        del self.model.closures[key]

    @rule(minutes=st.sampled_from([1, 9, 10, 11, 180, 600, 1440]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def sweep(self) -> None:
        self.database.run(lambda session: booking.sweep(session, now=self.now))
        for visit in self.model.visits.values():
            if visit.status is Status.HELD and (visit.held_until or self.now) <= self.now:
                visit.status = Status.LAPSED

    # What always holds

    @invariant()
    def the_diaries_are_right(self) -> None:
        if hasattr(self, "database"):
            assert self.database.read(check.faults) == []

    @invariant()
    def model_and_system_agree_on_every_visit(self) -> None:
        if not hasattr(self, "database"):
            return
        rows = self.database.read(lambda session: list(session.query(Appointment)))
        found = {row.id: (row.starts_at, row.ends_at, Status(row.status)) for row in rows}
        expected = {
            key: (visit.starts, visit.ends, visit.status)
            for key, visit in self.model.visits.items()
        }
        assert found == expected

    @invariant()
    def model_and_system_agree_on_free_time(self) -> None:
        if not hasattr(self, "database"):
            return
        starts = datetime.combine(MONDAY, time(0), SYDNEY)
        ends = starts + timedelta(days=DAYS + 1)
        for schedule in self.places:
            found = self.database.read(
                lambda session, schedule=schedule: slots(
                    session, schedules.places(session, Schedule.id == schedule),
                    starts, ends, now=self.now,
                )
            )  # fmt: skip
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
        keeps_holds: bool,
        besides: UUID | None = None,
    ) -> bool:
        practitioner = self.places[schedule][0]
        own_holds = [] if keeps_holds else self._holds_of(patient)
        for visit in self.model.in_the_way(self.now, starts, ends, besides=besides):
            if visit in own_holds:
                continue
            if visit.practitioner == practitioner or visit.patient == patient:
                return False
        same_day = any(
            visit.patient == patient
            and visit.practitioner == practitioner
            and key != besides
            and visit.status in (Status.BOOKED, Status.ARRIVED, Status.NO_SHOW)
            and visit.starts.astimezone(SYDNEY).date() == starts.astimezone(SYDNEY).date()
            for key, visit in self.model.visits.items()
        )
        return not same_day and self._time_is_offered(schedule, starts, ends)

    def _time_is_free(self, schedule: int, starts: datetime, ends: datetime) -> bool:
        practitioner = self.places[schedule][0]
        taken = any(
            visit.practitioner == practitioner
            for visit in self.model.in_the_way(self.now, starts, ends, besides=None)
        )
        return not taken and self._time_is_offered(schedule, starts, ends)

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

    def _holds_of(self, patient: int) -> list[ModelVisit]:
        return [
            visit
            for visit in self.model.visits.values()
            if visit.patient == patient and visit.status is Status.HELD
        ]

    def _let_go_holds_of(self, patient: int) -> None:
        """A new time lets the patient's holds go; holds that ran out and stood in the way of
        it lapsed with them."""
        rows = self.database.read(lambda session: list(session.query(Appointment)))
        lapsed = {row.id for row in rows if row.status == Status.LAPSED}
        for key, visit in self.model.visits.items():
            if visit.status is not Status.HELD:
                continue
            ran_out = (visit.held_until or self.now) <= self.now
            if visit.patient == patient or (ran_out and key in lapsed):
                visit.status = Status.LAPSED

    def _some(self, status: Status) -> bool:
        return any(visit.status is status for visit in self.model.visits.values())

    def _pick(self, status: Status, pick: int) -> tuple[UUID, ModelVisit]:
        chosen = [item for item in self.model.visits.items() if item[1].status is status]
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
