"""The schedules of a search result that match the search, so that only their times are shown.

A result is found by all words that belong to it: a centre by its name, its suburb and the
professions of its practitioners. Its times are those of the schedules that have matching words of
their own.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

from openslot.directory.search import Index, Matches, Text, said_of
from openslot.search.queries import Entry, EntryKey, Where


class NoTimes(StrEnum):
    """The reason why a result shows no times."""

    OFFLINE = "offline"
    CHOOSE = "choose"
    GUESS = "guess"
    FULL = "full"
    REFERRAL = "referral"
    PATIENT = "patient"
    NOT_YOURS = "not-yours"
    SELF = "self"
    COLLEAGUES = "colleagues"
    ON_REQUEST = "on-request"


class Asked(NamedTuple):
    """The schedules whose times a result shows, or the reason why there are none."""

    schedule_ids: tuple[int, ...]
    no_times: NoTimes | None = None


@dataclass(frozen=True, slots=True)
class Schedules:
    """The words of every schedule: its own, of whom or what it books, and those of its centre."""

    own: Index[int] = field(default_factory=Index)
    around: Index[int] = field(default_factory=Index)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """Return the words of the schedules of all entries."""
        schedules, seen = cls(), set[int]()
        for entry in entries:
            for place in entry.places:
                if place.schedule_id not in seen:
                    seen.add(place.schedule_id)
                    schedules.own.add(place.schedule_id, _own(place))
                    schedules.around.add(place.schedule_id, _around(place))
        return schedules

    def asked(self, matches: Matches[EntryKey]) -> "Wanted":
        """Return which schedules contain the words of a search."""
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
    """The schedules that contain each word of a search: in their own words, and in their centre's.

    ``most`` is the number of words that every result contains.
    """

    words: list[tuple[Set[int], Set[int]]]
    most: int
    wider: bool

    def of(self, entry: Entry) -> Asked:
        """Return the schedules of a result that contain the most words.

        There are none if a word was only guessed, if a centre or department was found by its name
        alone, which does not say what to book there, and if the result is merely near because
        nothing contains all words.
        """
        if not entry.places:
            return Asked((), NoTimes.OFFLINE)
        words_by_schedule = {
            place.schedule_id: self._held(place.schedule_id) for place in entry.places
        }
        if len(set[int]().union(*(hits for hits, _ in words_by_schedule.values()))) < self.most:
            return Asked((), NoTimes.GUESS)
        by_name = entry.kind == "practitioner" and not self.wider
        word_counts = {
            key: len(hits) for key, (hits, own) in words_by_schedule.items() if own or by_name
        }
        most_words = max(word_counts.values(), default=0)
        selected = tuple(key for key, count in word_counts.items() if count == most_words)
        return Asked(selected, None if selected else NoTimes.CHOOSE)

    def _held(self, schedule_id: int) -> tuple[set[int], bool]:
        """Return the numbers of the words that a schedule contains.

        Also return True if one of them is its own and not its centre's: "general" in the name of a
        hospital does not mean a general practitioner.
        """
        own = {number for number, (own, _) in enumerate(self.words) if schedule_id in own}
        around = {number for number, (_, near) in enumerate(self.words) if schedule_id in near}
        return own | around, bool(own - around)


def _own(place: Where) -> Iterable[Text]:
    if place.practitioner_id is None:
        return [Text("service", place.name, said=said_of(place.name))]
    return [
        Text("name", place.name),
        Text("service", place.about, said=said_of(place.about)),
        Text("expertise", place.expertise, said=said_of(place.expertise)),
    ]


def _around(place: Where) -> Iterable[Text]:
    department = "" if place.practitioner_id is not None else place.about
    return [
        Text("name", f"{place.centre} {department}"),
        Text("centre", place.centre),
        Text("suburb", place.suburb),
        Text("type", place.centre_type),
        Text("service", department, said=said_of(department)),
    ]
