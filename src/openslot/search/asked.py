"""The schedules of a search result that match the search, so that only their times are shown.

A result is found by all words that belong to it: a centre by its name, its suburb and the
professions of its practitioners. Its times are those of the schedules that have matching words of
their own.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

from openslot.directory.search import Index, Matches, Text, said_of
from openslot.search.queries import Entry, EntryKey, Offer, Where


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
    KNOWN = "known"
    ON_REQUEST = "on-request"


class Asked(NamedTuple):
    """The schedules whose times a result shows, or the reason why there are none; and of those
    whose services were asked for, which."""

    schedule_ids: tuple[int, ...]
    no_times: NoTimes | None = None
    services: Mapping[int, int] = {}

    def without(self, entry: Entry, centre_ids: Set[int]) -> "Asked":
        """Return the schedules that are not at one of the centres, unless all of them are."""
        if not centre_ids:
            return self
        away = {place.schedule_id for place in entry.places if place.centre_id in centre_ids}
        kept = tuple(key for key in self.schedule_ids if key not in away)
        return self._replace(schedule_ids=kept) if kept else self


@dataclass(frozen=True, slots=True)
class Schedules:
    """The words of every schedule: its own, of whom or what it books, those of its centre, and
    those of each service that it offers."""

    own: Index[int] = field(default_factory=Index)
    around: Index[int] = field(default_factory=Index)
    offered: Index[tuple[int, int | None]] = field(default_factory=Index)

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
                    for offer in place.services:
                        key = (place.schedule_id, offer.service_id)
                        schedules.offered.add(key, [_words_of(offer)])
        return schedules

    def asked(self, matches: Matches[EntryKey]) -> "Wanted":
        """Return which schedules contain the words of a search."""
        return Wanted(
            [
                (self.own.holding(name, words), self.around.holding(name, words))
                for name, words in matches.asked
            ],
            [self.offered.holding(name, words) for name, words in matches.asked],
            matches.most,
            matches.wider,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """The schedules that contain each word of a search: in their own words, and in their centre's;
    and the services of schedules that contain it.

    ``most`` is the number of words that every result contains.
    """

    words: list[tuple[Set[int], Set[int]]]
    offered: list[Set[tuple[int, int | None]]]
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
        if not self.words and entry.kind == "practitioner":
            return _all_of(entry)
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
        services = {
            key: service
            for key in selected
            if (service := self._service(entry.place(key))) is not None
        }
        return Asked(selected, None if selected else NoTimes.CHOOSE, services)

    def _service(self, place: Where) -> int | None:
        """Return the service of a schedule that contains the most words, else the usual one."""
        counts = {
            offer.service_id: sum(
                (place.schedule_id, offer.service_id) in holding for holding in self.offered
            )
            for offer in place.services
        }
        best = max(counts, key=lambda service_id: counts[service_id], default=None)
        return best if best is not None and counts[best] else place.usual_service

    def _held(self, schedule_id: int) -> tuple[set[int], bool]:
        """Return the numbers of the words that a schedule contains.

        Also return True if one of them is its own and not its centre's: "general" in the name of a
        hospital does not mean a general practitioner.
        """
        own = {number for number, (own, _) in enumerate(self.words) if schedule_id in own}
        around = {number for number, (_, near) in enumerate(self.words) if schedule_id in near}
        return own | around, bool(own - around)


def _all_of(entry: Entry) -> Asked:
    """Return all schedules of a result, with their usual services."""
    usual = {
        place.schedule_id: place.usual_service
        for place in entry.places
        if place.usual_service is not None
    }
    return Asked(tuple([place.schedule_id for place in entry.places]), services=usual)


def _own(place: Where) -> Iterable[Text]:
    if place.practitioner_id is None:
        return [Text("service", place.name, said=said_of(place.name))]
    return [
        Text("name", place.name),
        Text("service", place.about, said=said_of(place.about, place.said)),
        Text("expertise", place.expertise, said=said_of(place.expertise)),
        Text("language", place.languages),
        *map(_words_of, place.services),
    ]


def _words_of(offer: Offer) -> Text:
    return Text("service", offer.name, said=said_of(offer.name))


def _around(place: Where) -> Iterable[Text]:
    department = "" if place.practitioner_id is not None else place.about
    return [
        Text("name", f"{place.centre} {department}"),
        Text("centre", place.centre),
        Text("suburb", place.suburb),
        Text("type", place.centre_type),
        Text("service", department, said=said_of(department)),
    ]
