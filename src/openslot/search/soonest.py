"""Who is free first, found without looking at everybody."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from openslot.booking.slots import SOON
from openslot.schedules.availability import TICK
from openslot.schedules.openings import Openings
from openslot.search.queries import Entry, EntryKey
from openslot.search.times import NEVER

T = TypeVar("T")

FIRST_LOOK, WIDER = 50, 10
"""Number of candidates whose times are read first, and how many times as many each time after."""

Look = Callable[[Sequence[T], int], Sequence[int]]
"""Reads the first free tick of each before a tick; NEVER for who has none."""


class Candidate(NamedTuple, Generic[T]):
    """Who is not free before a tick. Of those who are free at the same, the lowest rank comes
    first; no two have the same."""

    tick: int
    rank: tuple[float, int] | int
    value: T


class Turns:
    """The entries in the order in which they can be free, as their schedules open; equal ones by
    name."""

    def __init__(self, entries: Mapping[EntryKey, Entry], openings: Openings) -> None:
        self._of = (entries, openings)
        by_name = sorted(entries, key=lambda key: entries[key].name)
        self._positions = {key: number for number, key in enumerate(by_name)}
        ticks = openings.ticks
        self._ticks = {
            key: min((ticks.get(place.schedule_id, NEVER) for place in entry.places), default=NEVER)
            for key, entry in entries.items()
        }
        self.in_order: Sequence[EntryKey] = sorted(by_name, key=self._ticks.__getitem__)

    def is_of(self, entries: Mapping[EntryKey, Entry], openings: Openings) -> bool:
        """Return whether these are the turns of the entries by the openings."""
        return self._of[0] is entries and self._of[1] is openings

    def candidate(self, key: EntryKey, score: float, value: T) -> Candidate[T]:
        """Return an entry as a candidate; of those free at the same tick, a high score comes
        first."""
        return Candidate(self._ticks[key], (-score, self._positions[key]), value)


def free_first(
    candidates: Iterable[Candidate[T]], count: int, look: Look[T], *, ends: int
) -> list[T]:
    """Return the ``count`` candidates who are free first, in order; those who are not free before
    the tick ``ends`` come last.

    The candidates come in order of tick and rank. The times of some are read, then those of more,
    until nobody who is left can be free before those who were found.
    """
    found: list[Candidate[T]] = []
    ahead, many = iter(candidates), max(FIRST_LOOK, count)
    following = next(ahead, None)
    while following is not None and (len(found) < count or following < found[-1]):
        some = [following, *islice(ahead, many - 1)]
        soon = min(following.tick + SOON // TICK, ends)
        ticks = _first_ticks([one.value for one in some], look, soon, ends)
        found += [one._replace(tick=tick) for one, tick in zip(some, ticks, strict=True)]
        found = sorted(found)[:count]
        following, many = next(ahead, None), many * WIDER
    return [one.value for one in found]


def _first_ticks(values: Sequence[T], look: Look[T], soon: int, ends: int) -> list[int]:
    """Return the first free tick of each: most have one ``soon``, and little is read for that."""
    ticks = list(look(values, soon))
    late = [number for number, tick in enumerate(ticks) if tick == NEVER]
    if late and soon < ends:
        for number, tick in zip(late, look([values[n] for n in late], ends), strict=True):
            ticks[number] = tick
    return ticks
