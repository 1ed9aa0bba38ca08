"""The plan of the demonstration's appointments, without any overlap."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random

from openslot.booking.models import Status
from openslot.booking.rules import local_date
from openslot.directory.models import Patient
from openslot.schedules.availability import (
    Span,
    Window,
    bits,
    instant_of,
    mask_of,
    ones,
    starts_of_runs,
)
from openslot.schedules.needs import Member
from openslot.schedules.rules import Place, open_ticks_of, times_of


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned appointment; ``patient`` is None for requests between departments."""

    place: Place
    patient: Patient | None
    tick: int
    status: Status
    reason: str

    @property
    def starts_at(self) -> datetime:
        """The start."""
        return instant_of(self.tick)

    @property
    def minutes(self) -> int:
        """The length: one slot."""
        return self.place.slot_minutes

    @property
    def ends_at(self) -> datetime:
        """The end."""
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(slots=True)
class Plan:
    """The appointments planned in ``window``; ``busy`` are the taken ticks of each diary."""

    rng: Random
    window: Window
    reasons: Mapping[str, Sequence[str]]
    busy: dict[int, int]
    appointments: list[Planned] = field(default_factory=list)
    _days: set[tuple[int, int, date]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.busy = defaultdict(int, self.busy)

    def starts(self, place: Place, within: Span) -> list[int]:
        """Return the free starts of a schedule, in ticks."""
        opened, starts = times_of(place, self.window)
        free = opened & ~self.busy[place.closures_id]
        for diary_id in _claimed(place):
            free &= ~self.busy[diary_id]
        for member in _able(place):
            free &= open_ticks_of(member, place, self.window)
        starts &= starts_of_runs(free, place.slot_ticks)
        return [self.window.start + bit for bit in bits(starts & mask_of([within], self.window))]

    def add(
        self, place: Place, patients: Sequence[Patient | None], tick: int, status: Status
    ) -> bool:
        """Plan an appointment for the first free patient; return False if there is none."""
        mask = ones(place.slot_ticks) << (tick - self.window.start)
        if any(self.busy[diary_id] & mask for diary_id in _claimed(place)):
            return False
        for patient in patients:
            if self._is_free(place, patient, tick, mask):
                self._take(place, patient, tick, mask, status)
                return True
        return False

    def add_some(
        self,
        place: Place,
        patients: Sequence[Patient | None],
        within: Span,
        statuses: Iterator[Status],
        count: int,
    ) -> None:
        """Plan up to ``count`` appointments at random free starts, each with a random patient."""
        starts = self.starts(place, within)
        for tick in self.rng.sample(starts, min(count, len(starts))):
            order = self.rng.sample(patients, len(patients))
            self.add(place, order, tick, next(statuses))

    def _is_free(self, place: Place, patient: Patient | None, tick: int, mask: int) -> bool:
        if patient is None:
            return True
        practitioner_day = (patient.diary_id, place.diary_id, local_date(place, instant_of(tick)))
        return practitioner_day not in self._days and not self.busy[patient.diary_id] & mask

    def _take(
        self, place: Place, patient: Patient | None, tick: int, mask: int, status: Status
    ) -> None:
        for diary_id in (*_claimed(place), *([patient.diary_id] if patient else [])):
            self.busy[diary_id] |= mask
        if patient is not None:
            day = local_date(place, instant_of(tick))
            self._days.add((patient.diary_id, place.diary_id, day))
        reason = self.rng.choice(self.reasons[place.profession or "service"])
        self.appointments.append(Planned(place, patient, tick, status, reason))


def _able(place: Place) -> list[Member]:
    """Return all who could serve a need of the place. The plan takes all of them, so that whoever
    is chosen in the end is free."""
    return [member for need in place.needs for member in need]


def _claimed(place: Place) -> tuple[int, ...]:
    return (*place.claimed_ids, *(member.diary_id for member in _able(place)))
