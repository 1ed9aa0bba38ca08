"""Which schedules of a search result are what was asked for, so that only their times are shown.

A result is found by the words of all that belongs to it: a centre by its name, its suburb, and
what its practitioners are. Its times are those of the schedules that bear words of their own.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

from openslot.directory.search import OTHER_WORDS, Index, Matches, Text
from openslot.discovery.queries import Entry, EntryKey, Where


class NoTimes(StrEnum):
    """Why a result shows no times."""

    OFFLINE = "offline"
    CHOOSE = "choose"
    GUESS = "guess"
    FULL = "full"
    REFERRAL = "referral"
    PATIENT = "patient"
    NOT_YOURS = "not-yours"
    SELF = "self"


class Asked(NamedTuple):
    """The schedules whose times a result shows; without any, why."""

    schedule_ids: tuple[int, ...]
    no_times: NoTimes | None = None


@dataclass(frozen=True, slots=True)
class Schedules:
    """The words of every schedule: those of whom or what it books, and those of its place."""

    own: Index[int] = field(default_factory=Index)
    around: Index[int] = field(default_factory=Index)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """Enter the schedules of all entries."""
        schedules, known = cls(), set[int]()
        for entry in entries:
            for place in entry.places:
                if place.schedule_id not in known:
                    known.add(place.schedule_id)
                    schedules.own.add(place.schedule_id, _own(place))
                    schedules.around.add(place.schedule_id, _around(place))
        return schedules

    def asked(self, matches: Matches[EntryKey]) -> "Wanted":
        """Return what the words of a search say of each schedule."""
        return Wanted(
            [
                (self.own.holding(name, words), self.around.holding(name, words))
                for name, words in matches.asked
            ],
            matches.most,
            matches.wider,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """For each word of a search the schedules that bear it themselves, and by their place;
    ``most`` is how many of the words every result holds."""

    words: list[tuple[Set[int], Set[int]]]
    most: int
    wider: bool

    def of(self, entry: Entry) -> Asked:
        """Return the schedules of a result that hold the most of the words.

        Where a word was only guessed there are none. A centre or department that is found by
        its name alone has none either, as it does not say what somebody wants there; nor has
        what is merely near, where nothing holds all of the words.
        """
        if not entry.places:
            return Asked((), NoTimes.OFFLINE)
        held = {place.schedule_id: self._held(place.schedule_id) for place in entry.places}
        if len(set[int]().union(*(hits for hits, _ in held.values()))) < self.most:
            return Asked((), NoTimes.GUESS)
        by_name = entry.kind == "practitioner" and not self.wider
        able = {key: len(hits) for key, (hits, own) in held.items() if own or by_name}
        best = max(able.values(), default=0)
        found = tuple(key for key, count in able.items() if count == best)
        return Asked(found, None if found else NoTimes.CHOOSE)

    def _held(self, schedule_id: int) -> tuple[set[int], bool]:
        """The words that a schedule holds, by number, and whether it bears one that its place
        does not bear, too: the "general" of a hospital asks for no general practitioner."""
        own = {number for number, (own, _) in enumerate(self.words) if schedule_id in own}
        around = {number for number, (_, near) in enumerate(self.words) if schedule_id in near}
        return own | around, bool(own - around)


def _own(place: Where) -> Iterable[Text]:
    if place.practitioner_id is None:
        return [Text("service", place.name)]
    return [
        Text("name", place.name),
        Text("service", f"{place.about} {OTHER_WORDS.get(place.about, '')}"),
        Text("expertise", place.expertise),
    ]


def _around(place: Where) -> Iterable[Text]:
    department = "" if place.practitioner_id is not None else place.about
    return [
        Text("name", f"{place.centre} {department}"),
        Text("centre", place.centre),
        Text("suburb", place.suburb),
        Text("type", place.centre_type),
        Text("service", department),
    ]
