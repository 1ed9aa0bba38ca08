"""Search over the whole network: matches, ranked, with ratings and the next free times."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from heapq import merge
from itertools import islice
from threading import Lock
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.slots import Slot, free_starts, slot_at
from openslot.directory import queries as directory
from openslot.directory.search import OTHER_WORDS, Index, Text
from openslot.discovery.queries import Entry, EntryKey, Kind, entries
from openslot.feedback.queries import Average, Rated, averages
from openslot.schedules import queries as schedules
from openslot.schedules.availability import Window, bits, mask_of, span_between, window_over
from openslot.schedules.models import Schedule
from openslot.schedules.rules import Place

MOST_IDS_NAMED = 1000
"""Above this, the places of the whole network are read instead of those found."""

EVENING = time(17)


class Order(StrEnum):
    """How results are sorted."""

    BEST = "best"
    EARLIEST = "earliest"
    RATING = "rating"


class When(StrEnum):
    """Which free times count."""

    ANY = "any"
    TODAY = "today"
    WEEK = "week"
    EVENING = "evening"


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for: ``text`` anywhere, the others in their field."""

    text: str = ""
    name: str = ""
    centre: str = ""
    suburb: str = ""
    service: str = ""
    expertise: str = ""
    kinds: frozenset[Kind] = frozenset({"practitioner", "centre", "department"})
    language: str = ""
    without_referral: bool = False
    when: When = When.ANY
    order: Order = Order.BEST
    page: int = 1
    page_size: int = 10

    @property
    def wanted(self) -> dict[str, str]:
        """The texts by field of the index."""
        return {
            "": self.text,
            "name": self.name,
            "centre": self.centre,
            "suburb": self.suburb,
            "service": self.service,
            "expertise": self.expertise,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """An entry with its rating, its first free times, and whether the reader keeps it at hand."""

    entry: Entry
    rating: Average | None
    slots: tuple[Slot, ...]
    is_favourite: bool = False


@dataclass(frozen=True, slots=True)
class Results:
    """One page, how many results there are in all, and how many of each kind."""

    items: list[Result]
    total: int
    counts: dict[Kind, int]
    corrected: str | None
    wider: bool


@dataclass(slots=True)
class Directory:
    """The network's names in memory, read anew when the directory's version has risen."""

    _version: int = -1
    _entries: dict[EntryKey, Entry] = field(default_factory=dict)
    _index: Index[EntryKey] = field(default_factory=Index)
    _lock: Lock = field(default_factory=Lock)

    def fresh(self, session: Session) -> tuple[dict[EntryKey, Entry], Index[EntryKey]]:
        """The entries and their index, as new as ``session`` sees them; one statement."""
        version = directory.version(session)
        with self._lock:
            if version != self._version:
                self._entries = {(entry.kind, entry.id): entry for entry in entries(session)}
                self._index = _index(self._entries)
                self._version = version
            return self._entries, self._index


def find(
    session: Session,
    network: Directory,
    search: Search,
    *,
    now: datetime,
    days: int,
    times: int,
    liked: Set[EntryKey] = frozenset(),
) -> Results:
    """One page of what fits ``search``, with up to ``times`` free starts each.

    ``liked`` are the reader's favourites. Those among them that fit stand before all others where
    the best match comes first; other orders keep to what they are sorted by, and only mark them.
    At most five statements while the directory stays as it is, whatever the number of results.
    """
    known, index = network.fresh(session)
    matches = index.search(search.wanted)
    fitting = [
        (known[match.key], match.score)
        for match in matches.found
        if _fits(known[match.key], search)
    ]
    counts: dict[Kind, int] = {"practitioner": 0, "centre": 0, "department": 0}
    for entry, _ in fitting:
        counts[entry.kind] += 1
    chosen = [(entry, score) for entry, score in fitting if entry.kind in search.kinds]
    items, total = _page(session, chosen, search, liked, now=now, days=days, times=times)
    return Results(items, total, counts, matches.corrected, matches.wider)


def next_slots(
    session: Session, entry_places: Sequence[int], *, now: datetime, days: int, times: int
) -> list[Slot]:
    """The first free starts over some schedules, for a profile page; three statements."""
    free = _FreeTimes.read(session, entry_places, now=now, days=days, when=When.ANY)
    return free.first(entry_places, times)


def _page(
    session: Session,
    chosen: list[tuple[Entry, float]],
    search: Search,
    liked: Set[EntryKey],
    *,
    now: datetime,
    days: int,
    times: int,
) -> tuple[list[Result], int]:
    """Sort, cut, and add what the page shows. Times are computed for all that was found only
    where the order or the filter needs them."""
    offset = (search.page - 1) * search.page_size
    cut = slice(offset, offset + search.page_size)
    by_rating = averages(session, None if search.order is Order.RATING else _rated(chosen))
    by_time = search.order is Order.EARLIEST or search.when is not When.ANY
    if not by_time:
        chosen.sort(key=lambda pair: _rank(pair[0], pair[1], by_rating, liked, search.order))
        total, chosen = len(chosen), chosen[cut]
    ids = [place.schedule_id for entry, _ in chosen for place in entry.places]
    free = _FreeTimes.read(session, ids, now=now, days=days, when=search.when)
    if by_time:
        chosen = [pair for pair in chosen if free.earliest(pair[0]) is not None]
        chosen.sort(key=lambda pair: (free.earliest(pair[0]), -pair[1], pair[0].name))
        total, chosen = len(chosen), chosen[cut]
    return [
        Result(
            entry,
            by_rating.get(_rating_key(entry)),
            tuple(free.first([place.schedule_id for place in entry.places], times)),
            (entry.kind, entry.id) in liked,
        )
        for entry, _ in chosen
    ], total


@dataclass(frozen=True, slots=True)
class _FreeTimes:
    """The free starts of some schedules over one window."""

    window: Window
    places: dict[int, Place]
    masks: dict[int, int]

    @classmethod
    def read(
        cls, session: Session, ids: Sequence[int], *, now: datetime, days: int, when: When
    ) -> "_FreeTimes":
        window = window_over(now, now + timedelta(days=days))
        some = (Schedule.id.in_(set(ids)),) if len(ids) <= MOST_IDS_NAMED else ()
        places = schedules.places(session, *some)
        masks = free_starts(session, places, window, now=now)
        for key, place in places.items():
            masks[key] &= _counting(place.zone.key, window, now, when)
        return cls(window, places, masks)

    def earliest(self, entry: Entry) -> int | None:
        """The bit of the first free start at any of the entry's places."""
        masks = [self.masks.get(place.schedule_id, 0) for place in entry.places]
        return min(((mask & -mask).bit_length() for mask in masks if mask), default=None)

    def first(self, ids: Sequence[int], times: int) -> list[Slot]:
        """The first starts over the given schedules, each instant once."""
        streams = [self._starts(key, times) for key in ids if key in self.places]
        found: dict[int, int] = {}
        for bit, key in merge(*streams):
            if bit not in found and len(found) == times:
                break
            found.setdefault(bit, key)
        return [slot_at(self.window.start + bit, self.places[key]) for bit, key in found.items()]

    def _starts(self, key: int, times: int) -> Iterator[tuple[int, int]]:
        return ((bit, key) for bit in islice(bits(self.masks[key]), times))


def _counting(zone_key: str, window: Window, now: datetime, when: When) -> int:
    """The ticks whose starts the filter lets through."""
    everything = -1
    if when is When.ANY:
        return everything
    if when is When.WEEK:
        return mask_of([span_between(now, now + timedelta(days=7))], window)
    zone = ZoneInfo(zone_key)
    today = now.astimezone(zone).date()
    days = 1 if when is When.TODAY else window.days
    opens = time(0) if when is When.TODAY else EVENING
    spans = []
    for count in range(days):
        day = today + timedelta(days=count)
        begins = datetime.combine(day, opens, zone)
        ends = datetime.combine(day + timedelta(days=1), time(0), zone)
        spans.append(span_between(begins, ends))
    return mask_of(spans, window)


def _index(known: dict[EntryKey, Entry]) -> Index[EntryKey]:
    index: Index[EntryKey] = Index()
    for key, entry in known.items():
        index.add(key, _texts(entry))
    return index


def _texts(entry: Entry) -> Iterator[Text]:
    """What can be found of an entry; its own name counts most."""
    yield Text("name", entry.name, 1.2)
    if entry.kind == "centre":
        yield Text("centre", entry.name)
    if entry.kind == "department":
        yield Text("centre", entry.centre, 0.7)
        yield Text("service", entry.name)
    if entry.kind == "practitioner":
        yield Text("service", f"{entry.subtitle} {OTHER_WORDS.get(entry.subtitle, '')}")
    elif entry.kind == "centre":
        yield Text("type", entry.subtitle, 0.8)
    yield Text("expertise", entry.expertise)
    yield Text("suburb", entry.suburb)
    for offer in entry.offers:
        yield Text("service", f"{offer} {OTHER_WORDS.get(offer, '')}", 0.6)
    if entry.kind == "practitioner":
        for place in entry.places:
            yield Text("centre", place.centre, 0.7)
            yield Text("suburb", place.suburb, 0.9)


def _fits(entry: Entry, search: Search) -> bool:
    spoken = [name.strip().casefold() for name in entry.languages.split(",")]
    understood = not search.language or search.language.casefold() in spoken
    return understood and not (search.without_referral and entry.needs_referral)


def _rank(
    entry: Entry,
    score: float,
    ratings: dict[Rated, Average],
    liked: Set[EntryKey],
    order: Order,
) -> tuple[float | str, ...]:
    rating = ratings.get(_rating_key(entry))
    stars = -rating.stars if rating else 0.0
    rounded = -round(score, 2)
    if order is Order.RATING:
        return (stars, rounded, entry.name)
    return ((entry.kind, entry.id) not in liked, rounded, stars, entry.name)


def _rated(chosen: list[tuple[Entry, float]]) -> list[Rated]:
    return [_rating_key(entry) for entry, _ in chosen]


def _rating_key(entry: Entry) -> Rated:
    """Departments have no ratings of their own; their key finds none."""
    return ("practitioner", entry.id) if entry.kind == "practitioner" else (
        "centre", entry.id if entry.kind == "centre" else -1
    )  # fmt: skip
