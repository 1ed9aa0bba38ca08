"""The plan of the demonstration's appointments, without any overlap."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from uuid import UUID

from openslot.booking.models import Status
from openslot.booking.rules import local_date
from openslot.directory.models import Patient
from openslot.schedules.availability import (
    Span,
    Window,
    bits,
    instant_of,
    mask_of,
    starts_of_runs,
)
from openslot.schedules.needs import Member
from openslot.schedules.rules import Place, open_ticks_of, times_of


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned appointment; ``place`` is for its service."""

    place: Place
    patient: Patient
    tick: int
    status: Status
    reason: str

    @property
    def starts_at(self) -> datetime:
        """The start."""
        return instant_of(self.tick)

    @property
    def minutes(self) -> int:
        """The length: one slot of its service."""
        return self.place.slot_minutes

    @property
    def ends_at(self) -> datetime:
        """The end."""
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(slots=True)
class Plan:
    """The appointments planned in ``window``; ``busy`` are the taken ticks of each diary.

    ``reasons`` are by service, or else by profession; ``services`` are those of departments, by
    schedule.
    """

    rng: Random
    window: Window
    reasons: Mapping[str, Sequence[str]]
    busy: dict[int, int]
    services: Mapping[int, str]
    appointments: list[Planned] = field(default_factory=list)
    _days: set[tuple[UUID, date]] = field(default_factory=set)
    _open: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.busy = defaultdict(int, self.busy)

    def starts(self, place: Place, within: Span) -> list[int]:
        """Return the free starts of a schedule, in ticks."""
        opened, starts = self._times(place)
        free = opened
        for diary_id in _claimed(place):
            free &= ~self.busy[diary_id]
        starts &= starts_of_runs(free, place.slot_ticks)
        return list(bits(starts & mask_of([within], self.window), self.window.start))

    def add(self, place: Place, patients: Sequence[Patient], tick: int, status: Status) -> bool:
        """Plan an appointment for the first patient who has none on that day; return False if
        there is none, or if the time is not free."""
        span = Span(tick, tick + place.slot_ticks)
        mask, busy = (mask_of([one], self.window) for one in (span, place.busy(span)))
        taken = ~self._times(place)[0]
        for diary_id in _claimed(place):
            taken |= self.busy[diary_id]
        if busy & taken:
            return False
        day = local_date(place, instant_of(tick))
        for patient in patients:
            if (patient.id, day) not in self._days and not self.busy[patient.diary_id] & mask:
                self._take(place, patient, span, status)
                return True
        return False

    def add_each(
        self,
        place: Place,
        patients: Sequence[Patient],
        ticks: Iterable[int],
        status_at: Callable[[Place, int], Status],
    ) -> None:
        """Plan appointments for services of the schedule at these starts, where they are free, each
        with a random patient. The first service is the most usual."""
        offered = [one for one in place.for_each() if not one.has_sessions]
        weights = [1 / rank for rank, _ in enumerate(offered, start=1)]
        for tick in sorted(ticks):
            chosen = self.rng.choices(offered, weights)[0]
            order = self.rng.sample(patients, len(patients))
            self.add(chosen, order, tick, status_at(chosen, tick))

    def _times(self, place: Place) -> tuple[int, int]:
        """Return the open ticks of a schedule and its starts; those of its usual service, so they
        are worked out once."""
        if place.schedule_id not in self._open:
            opened, starts = times_of(place, self.window)
            opened &= ~self.busy[place.closures_id]
            for member in _able(place):
                opened &= open_ticks_of(member, place, self.window)
            self._open[place.schedule_id] = opened, starts
        return self._open[place.schedule_id]

    def _take(self, place: Place, patient: Patient, span: Span, status: Status) -> None:
        for diary_id in _claimed(place):
            self.busy[diary_id] |= mask_of([place.busy(span)], self.window)
        self.busy[patient.diary_id] |= mask_of([span], self.window)
        self._days.add((patient.id, local_date(place, instant_of(span.start))))
        service = place.offered.name if place.offered else self.services.get(place.schedule_id, "")
        reasons = self.reasons.get(service) or self.reasons[place.profession or "service"]
        reason = self.rng.choice(reasons)
        self.appointments.append(Planned(place, patient, span.start, status, reason))


def _able(place: Place) -> list[Member]:
    """Return all who could serve a need of the place. The plan takes all of them, so that whoever
    is chosen in the end is free."""
    return [member for need in place.needs for member in need]


def _claimed(place: Place) -> tuple[int, ...]:
    return (*place.claimed_ids, *(member.diary_id for member in _able(place)))
