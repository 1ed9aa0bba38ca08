"""The naive model of bookings: lists of appointments and sessions, whose times are compared."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from uuid import UUID

from factories import SYDNEY
from openslot.booking.models import Status
from openslot.booking.moves import CLAIMING

A_DAY = 2
"""What can be squeezed in on one day."""

ROOMS = ("Room 1", "Room 2")

Period = tuple[datetime, datetime]

Leaving = Collection[UUID]
"""Appointments, and sessions of staff, that are to go."""


@dataclass(frozen=True)
class Offer:
    """What can be booked: a schedule, or one of the services that it offers, with the time around
    it. One that needs more takes a room, any of two, and the physiotherapist."""

    schedule: int
    practitioner: int
    centre: int
    service: int | None = None
    minutes: int = 30
    before: timedelta = timedelta()
    after: timedelta = timedelta()
    places: int = 1
    needs_more: bool = False

    def busy(self, starts: datetime, ends: datetime) -> Period:
        return starts - self.before, ends + self.after


@dataclass
class ModelSession:
    """A session as the model knows it, with the ``others`` whom it needs; without staff it is there
    as long as somebody is in it."""

    offer: Offer
    starts: datetime
    room: str | None
    by_staff: bool
    others: frozenset[object] = frozenset()

    @property
    def ends(self) -> datetime:
        return self.starts + timedelta(minutes=self.offer.minutes)


@dataclass
class ModelAppointment:
    """An appointment as the model knows it. ``keyed`` are those that count as the one of a day,
    ``others`` are the practitioners and rooms that it needs."""

    offer: Offer
    patient: int
    starts: datetime
    ends: datetime
    status: Status
    held_until: datetime | None = None
    referral: UUID | None = None
    offered: bool = False
    room: str | None = None
    others: frozenset[object] = frozenset()
    session: UUID | None = None
    squeezed: bool = False
    keyed: bool = True
    changed: datetime | None = None

    @property
    def takes(self) -> frozenset[object]:
        """Who and what is busy with it, besides its patient and what its session takes."""
        if self.squeezed or self.session:
            return frozenset()
        return self.others | {self.offer.practitioner, self.room}


@dataclass
class Model:
    """What ought to be: lists of appointments, sessions, absences, closures and referrals, searched
    one by one. A referral is known by its patient, and None once it is revoked. ``rooms`` are those
    that the schedules have now; an appointment stays in the one that it was booked into. ``physio``
    is needed by scans."""

    now: datetime
    physio: int
    appointments: dict[UUID, ModelAppointment] = field(default_factory=dict)
    sessions: dict[UUID, ModelSession] = field(default_factory=dict)
    absences: dict[UUID, tuple[int, datetime, datetime]] = field(default_factory=dict)
    closures: dict[int, tuple[int, datetime, datetime]] = field(default_factory=dict)
    referrals: dict[UUID, int | None] = field(default_factory=dict)
    rooms: dict[int, str | None] = field(default_factory=dict)

    def keeping(self, besides: Leaving) -> dict[UUID, ModelAppointment]:
        """The appointments that keep their time."""
        return {
            key: one
            for key, one in self.appointments.items()
            if one.status in CLAIMING
            and not (one.status is Status.HELD and (one.held_until or self.now) <= self.now)
            and key not in besides
        }

    def taken(self, busy: Period, besides: Leaving) -> set[object]:
        """Who and what is taken in some of the period, besides patients."""
        kept = self.keeping(besides)
        inhabited = {one.session for one in kept.values()}
        taken: set[object] = set()
        for one in kept.values():
            if overlap(busy, one.offer.busy(one.starts, one.ends)):
                taken |= one.takes
        for key, group in self.sessions.items():
            is_there = key in inhabited or (group.by_staff and key not in besides)
            if is_there and overlap(busy, group.offer.busy(group.starts, group.ends)):
                taken |= {group.offer.practitioner, group.room, *group.others}
        return taken - {None}

    def session_at(self, offer: Offer, starts: datetime) -> UUID | None:
        """The session of a service that starts then."""
        return next(
            (
                key
                for key, group in self.sessions.items()
                if group.offer == offer and group.starts == starts
            ),
            None,
        )

    def in_session(self, key: UUID) -> dict[UUID, ModelAppointment]:
        """All that have a place of a session, also by holds that ran out."""
        return {
            one_id: one
            for one_id, one in self.appointments.items()
            if one.session == key and one.status in CLAIMING
        }

    def forget_empty_sessions(self) -> None:
        for key, group in list(self.sessions.items()):
            if not group.by_staff and not self.in_session(key):
                del self.sessions[key]

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
            and (one.patient, one.offer.schedule) == (patient, schedule)
            and one.status in (Status.ARRIVED, Status.FULFILLED)
            for one in self.appointments.values()
        )

    # What it decides

    def free(
        self,
        offer: Offer,
        patient: int,
        starts: datetime,
        ends: datetime,
        *,
        besides: UUID | None = None,
        in_hours: bool = True,
    ) -> bool:
        """Whether a patient can take this; their holds in its way are let go for it."""
        leaving = {besides, *self.holds_of(patient)} - {None}
        return (
            not self.is_busy(patient, (starts, ends), leaving)
            and not self.sees_that_day(offer, patient, starts, besides)
            and self.time_is_free(offer, starts, ends, besides=leaving, in_hours=in_hours)
        )

    def is_busy(self, patient: int, period: Period, besides: Leaving) -> bool:
        besides = {*besides, *self.holds_of(patient)}
        return any(
            one.patient == patient and overlap(period, (one.starts, one.ends))
            for one in self.keeping(besides).values()
        )

    def sees_that_day(
        self, offer: Offer, patient: int, starts: datetime, besides: UUID | None = None
    ) -> bool:
        return any(
            one.keyed
            and (one.patient, one.offer.practitioner) == (patient, offer.practitioner)
            and one.status in (Status.BOOKED, Status.ARRIVED)
            and one.starts.astimezone(SYDNEY).date() == starts.astimezone(SYDNEY).date()
            for key, one in self.appointments.items()
            if key != besides
        )

    def time_is_free(
        self,
        offer: Offer,
        starts: datetime,
        ends: datetime,
        *,
        besides: Leaving = (),
        in_hours: bool = True,
    ) -> bool:
        """Whether somebody can take this, in a session that is there or by itself."""
        if group := self.session_at(offer, starts):
            kept = self.keeping(besides).values()
            has_place = sum(one.session == group for one in kept) < offer.places
            others = self.sessions[group].others
            return has_place and self.is_there(offer, starts, ends, others)
        if not self.is_there(offer, starts, ends):
            return False
        busy = offer.busy(starts, ends)
        taken = self.taken(busy, besides)
        own = {offer.practitioner, self.rooms.get(offer.schedule)}
        is_served = not offer.needs_more or bool(self.able(offer, busy, taken))
        return (is_open(*busy) or not in_hours) and not own & taken and is_served

    def able(self, offer: Offer, busy: Period, taken: set[object]) -> set[object]:
        """The rooms that can serve a scan, if the physiotherapist can; the schedule's own will do
        if it is one of them."""
        if self.physio in taken or self.is_away(self.physio, busy):
            return set()
        return {self.rooms.get(offer.schedule)} & set(ROOMS) or set(ROOMS) - taken

    def can_squeeze(self, offer: Offer, patient: int, starts: datetime, ends: datetime) -> bool:
        on_day = [
            one
            for one in self.appointments.values()
            if one.squeezed
            and one.status in CLAIMING
            and one.starts.astimezone(SYDNEY).date() == starts.astimezone(SYDNEY).date()
        ]
        return (
            len(on_day) < A_DAY
            and not self.is_busy(patient, (starts, ends), ())
            and not self.sees_that_day(offer, patient, starts)
            and self.is_there(offer, starts, ends)
        )

    def others_of(self, appointment: ModelAppointment) -> frozenset[object]:
        """Whom an appointment needs, or its session does."""
        group = self.sessions.get(appointment.session) if appointment.session else None
        return group.others if group else appointment.others

    def can_meet(self, offer: Offer, starts: datetime, besides: Leaving) -> bool:
        """Whether staff can have a session then, also outside the hours; one that needs others also
        at the time that it has."""
        ends = starts + timedelta(minutes=offer.minutes)
        own = {offer.practitioner, self.rooms.get(offer.schedule)}
        busy = offer.busy(starts, ends)
        taken = self.taken(busy, besides)
        there = self.session_at(offer, starts)
        is_first = there is None or (offer.needs_more and there in besides)
        is_served = not offer.needs_more or bool(self.able(offer, busy, taken))
        is_free = is_served and not own & taken
        return is_first and is_free and self.is_there(offer, starts, ends)

    def has_not_begun(self, key: UUID) -> bool:
        to_come = (Status.HELD, Status.BOOKED)
        return all(one.status in to_come for one in self.in_session(key).values())

    def is_there(
        self,
        offer: Offer,
        starts: datetime,
        ends: datetime,
        others: frozenset[object] = frozenset(),
    ) -> bool:
        """Whether nobody who takes part is away, the centre is open, and it is not over."""
        busy = offer.busy(starts, ends)
        is_closed = any(
            where == offer.centre and overlap(busy, (begins, finishes))
            for where, begins, finishes in self.closures.values()
        )
        who = {offer.practitioner, *others}
        return starts >= self.now and not is_closed and not any(self.is_away(x, busy) for x in who)

    def is_away(self, who: object, busy: Period) -> bool:
        return any(
            one == who and overlap(busy, (begins, finishes))
            for one, begins, finishes in self.absences.values()
        )

    def holds_of(self, patient: int) -> dict[UUID, ModelAppointment]:
        return {
            key: one
            for key, one in self.appointments.items()
            if one.patient == patient and one.status is Status.HELD
        }


def overlap(one: Period, other: Period) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def is_open(starts: datetime, ends: datetime) -> bool:
    """Weekdays from 9 to 17, every half hour."""
    local = starts.astimezone(SYDNEY)
    closes = datetime.combine(local.date(), time(17), SYDNEY)
    return local.weekday() < 5 and time(9) <= local.time() and ends <= closes
