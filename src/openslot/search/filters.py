"""Filters of a search: of whom, how and for whom its times are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from openslot.directory.models import Gender, Mode
from openslot.search.queries import Entry, Offer, Where


@dataclass(frozen=True, slots=True)
class Filters:
    """What practitioners and services must be; all of it at once. ``new_patients`` leaves out what
    is for known patients only."""

    language: str = ""
    gender: Gender | None = None
    mode: Mode | None = None
    new_patients: bool = False

    def narrow(self, entry: Entry) -> Entry | None:
        """Return the entry with those of its schedules and services that pass; None if none does.

        Without a schedule, people pass by what is known of themselves.
        """
        if self == ANYTHING:
            return entry
        places = tuple(place for one in entry.places if (place := self._narrow_place(one)))
        if places:
            return replace(entry, places=places)
        passes = not entry.places and not self._asks_of_services
        return entry if passes and self._is_by(entry.languages, entry.gender) else None

    def _narrow_place(self, place: Where) -> Where | None:
        if not self._is_by(place.languages, place.gender):
            return None
        offers = tuple(offer for offer in place.offers if self._is_so(offer))
        if not offers or not place.services:
            return place if offers else None
        usual = offers[0].service_id if self._asks_of_services else None
        return replace(place, services=offers, usual_service=usual)

    @property
    def _asks_of_services(self) -> bool:
        return self.mode is not None or self.new_patients

    def _is_by(self, languages: str, gender: Gender | None) -> bool:
        known = map(str.casefold, spoken(languages))
        speaks = not self.language or self.language.casefold() in known
        return speaks and self.gender in (None, gender)

    def _is_so(self, offer: Offer) -> bool:
        return self.mode in (None, offer.mode) and not (self.new_patients and offer.is_for_known)


ANYTHING = Filters()


class Choices(NamedTuple):
    """What can be chosen: what somebody or something in the network is. Professions of most
    practitioners come first."""

    languages: tuple[str, ...] = ()
    genders: tuple[Gender, ...] = ()
    modes: tuple[Mode, ...] = ()
    professions: tuple[str, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Self:
        """Return what the entries are, in order."""
        languages, genders, modes = set[str](), set[Gender | None](), set[Mode]()
        counts = Counter[str]()
        for entry in entries:
            if entry.kind == "practitioner":
                counts[entry.subtitle] += 1
            languages.update(spoken(entry.languages))
            genders.add(entry.gender)
            modes.update(offer.mode for place in entry.places for offer in place.offers)
        return cls(
            tuple(sorted(languages)),
            tuple(one for one in Gender if one in genders),
            tuple(one for one in Mode if one in modes),
            tuple(sorted(counts, key=lambda name: (-counts[name], name))),
        )


NOTHING = Choices()


def spoken(languages: str) -> list[str]:
    """Return the languages of a text with commas."""
    return [name.strip() for name in languages.split(",") if name.strip()]
