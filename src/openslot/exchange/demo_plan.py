"""Who sees whom when in the demonstration: pure choices that never clash."""

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
    grid,
    instant_of,
    mask_of,
    ones,
    starts_of_runs,
)
from openslot.schedules.rules import Place, open_ticks


@dataclass(frozen=True, slots=True)
class Planned:
    """An appointment that fits; ``patient`` is None where a department asks another."""

    place: Place
    patient: Patient | None
    tick: int
    status: Status
    reason: str

    @property
    def starts_at(self) -> datetime:
        """When it starts."""
        return instant_of(self.tick)

    @property
    def minutes(self) -> int:
        """One slot."""
        return self.place.slot_minutes

    @property
    def ends_at(self) -> datetime:
        """When it ends."""
        return self.starts_at + timedelta(minutes=self.minutes)


@dataclass(slots=True)
class Plan:
    """What is planned over ``window``; ``busy`` are the taken ticks of each diary."""

    rng: Random
    window: Window
    reasons: Mapping[str, Sequence[str]]
    busy: dict[int, int]
    appointments: list[Planned] = field(default_factory=list)
    _days: set[tuple[int, int, date]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.busy = defaultdict(int, self.busy)

    def starts(self, place: Place, within: Span) -> list[int]:
        """The free starts of a place, as ticks."""
        free = open_ticks(place, self.window) & ~self.busy[place.closures_id]
        for diary_id in place.claimed_ids:
            free &= ~self.busy[diary_id]
        found = starts_of_runs(free, place.slot_ticks)
        found &= grid(place.slot_minutes, place.zone, self.window)
        return [self.window.start + bit for bit in bits(found & mask_of([within], self.window))]

    def add(
        self, place: Place, patients: Sequence[Patient | None], tick: int, status: Status
    ) -> bool:
        """Plan an appointment for the first of ``patients`` who is free then; whether there is
        one."""
        mask = ones(place.slot_ticks) << (tick - self.window.start)
        if any(self.busy[diary_id] & mask for diary_id in place.claimed_ids):
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
        """Plan up to ``count`` appointments at random free starts, each with somebody else."""
        starts = self.starts(place, within)
        for tick in self.rng.sample(starts, min(count, len(starts))):
            order = self.rng.sample(patients, len(patients))
            self.add(place, order, tick, next(statuses))

    def _is_free(self, place: Place, patient: Patient | None, tick: int, mask: int) -> bool:
        if patient is None:
            return True
        seen = (patient.diary_id, place.diary_id, local_date(place, instant_of(tick)))
        return seen not in self._days and not self.busy[patient.diary_id] & mask

    def _take(
        self, place: Place, patient: Patient | None, tick: int, mask: int, status: Status
    ) -> None:
        for diary_id in (*place.claimed_ids, *([patient.diary_id] if patient else [])):
            self.busy[diary_id] |= mask
        if patient is not None:
            day = local_date(place, instant_of(tick))
            self._days.add((patient.diary_id, place.diary_id, day))
        reason = self.rng.choice(self.reasons[place.profession or "service"])
        self.appointments.append(Planned(place, patient, tick, status, reason))
