"""Search over the whole network: ranked matches with ratings and the next free times."""

import time
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from threading import Lock, Thread
from typing import NamedTuple, Self

import structlog
from sqlalchemy.orm import Session

from openslot.booking.slots import MANY, SOON, Booker, Slot
from openslot.core.db import Database, database_of
from openslot.core.errors import Busy, Unavailable
from openslot.core.work import Work
from openslot.directory import queries as directory
from openslot.directory.search import Index, Text, said_of
from openslot.feedback.queries import Average, Rated, averages
from openslot.schedules import known
from openslot.search.asked import Asked, NoTimes, Schedules
from openslot.search.filters import ANYTHING, NOTHING, Choices, Filters
from openslot.search.nearby import NEAR, Around, Places, Spot, standing_at
from openslot.search.queries import Entry, EntryKey, Kind, entries, sites
from openslot.search.times import FreeTimes, When

AT_ONCE = 500
"""Number of names that are read in about a tenth of a second; more are read beside the searches."""

RESTS = 9
"""How many times as long as it took they are not read again beside the searches: where the
directory changes often, that takes a tenth of a core of each process."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Order(StrEnum):
    """Order of the results."""

    BEST = "best"
    EARLIEST = "earliest"
    RATING = "rating"


@dataclass(frozen=True, slots=True)
class Search:
    """A search: ``text`` may match any field, the other texts only their own. ``where`` is the name
    of a place to be near to; without one, ``spot`` is where somebody stands."""

    text: str = ""
    name: str = ""
    centre: str = ""
    suburb: str = ""
    service: str = ""
    expertise: str = ""
    where: str = ""
    spot: Spot | None = None
    kinds: frozenset[Kind] = frozenset({"practitioner", "centre", "department"})
    filters: Filters = ANYTHING
    without_referral: bool = False
    when: When = When.ANY
    evening: bool = False
    order: Order = Order.BEST
    page: int = 1
    page_size: int = 10

    @property
    def is_timed(self) -> bool:
        """Return whether only results with some free time are asked for."""
        return self.when is not When.ANY or self.evening

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
    """An entry with its rating and its first free times, or the reason why it shows none; and how
    far it is from the place that was asked for, if that is known."""

    entry: Entry
    rating: Average | None
    slots: tuple[Slot, ...]
    is_favourite: bool = False
    no_times: NoTimes | None = None
    kilometres: float | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """One page of results, and the numbers of all results, in total and by kind.

    ``around`` is the place that they are near to, if one was asked for and is known; with
    ``is_far``, none of them is near.
    """

    items: list[Result]
    total: int
    counts: dict[Kind, int]
    corrected: str | None
    wider: bool
    around: Around | None = None
    is_far: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a version of the directory, and the words of its schedules."""

    version: int = -1
    entries: Mapping[EntryKey, Entry] = field(default_factory=dict)
    index: Index[EntryKey] = field(default_factory=Index)
    schedules: Schedules = field(default_factory=Schedules)
    places: Places = field(default_factory=Places)
    choices: Choices = NOTHING

    @classmethod
    def read(cls, session: Session) -> Self:
        """Return the names as ``session`` sees them."""
        version = directory.version(session)
        by_key = {(entry.kind, entry.id): entry for entry in entries(session)}
        schedules = Schedules.of(by_key.values())
        return cls(
            version,
            by_key,
            _index(by_key),
            schedules,
            Places.of(sites(session)),
            Choices.of(by_key.values()),
        )

    def around(self, search: "Search") -> Around | None:
        """Return the place that a search is near to; None if it names none, or an unknown one."""
        return self.places.named(search.where) if search.where else standing_at(search.spot)


class Directory:
    """The directory's names in memory, read again when its version has risen.

    A search waits for that only in a network of up to AT_ONCE names. In a larger one it finds what
    was there before, and the names are read beside the searches.
    """

    def __init__(self) -> None:
        self._names = Names()
        self._lock = Lock()
        self._rests_until = 0.0

    def fresh(self, session: Session) -> Names:
        """Return the names; one statement without a change."""
        version, names = directory.version(session), self._names
        if version == names.version:
            return names
        if len(names.entries) > AT_ONCE:
            if time.monotonic() >= self._rests_until and self._lock.acquire(blocking=False):
                Thread(target=self._read_beside, args=[database_of(session)], daemon=True).start()
            return names
        return self._at(session, version)

    def read_ahead(self, database: Database) -> None:
        """Read the names and all schedules before somebody has to wait for them."""
        with suppress(Busy, Unavailable):  # whoever asks first will be told
            database.read(known.bookable)
            database.read(self.fresh)

    def entry(self, session: Session, key: EntryKey) -> Entry | None:
        """Return what has this key, or None; what is new is waited for."""
        names = self.fresh(session)
        if key not in names.entries:
            names = self._at(session, directory.version(session))
        return names.entries.get(key)

    def _at(self, session: Session, version: int) -> Names:
        """Return the names of this version, which ``session`` sees."""
        with self._lock:
            if version != self._names.version:
                self._names = Names.read(session)
            return self._names

    def _read_beside(self, database: Database) -> None:
        """Read the names in a thread of its own, which has the lock."""
        began = time.monotonic()
        try:
            self._names = database.read(Names.read)
        except (Busy, Unavailable):
            log.warning("search.names-not-read")  # the next search has them read again
        finally:
            ended = time.monotonic()
            self._rests_until = ended + RESTS * (ended - began)
            self._lock.release()


class _Fit(NamedTuple):
    """An entry that fits, its score, its schedules that match the search, and how far it is."""

    entry: Entry
    score: float
    asked: Asked = Asked(())
    kilometres: float | None = None

    @property
    def is_near(self) -> bool:
        """Return whether it is known to be near."""
        return self.kilometres is not None and self.kilometres <= NEAR


def find(
    work: Work,
    network: Directory,
    search: Search,
    *,
    days: int,
    times: int,
    liked: Set[EntryKey] = frozenset(),
    booker: Booker | None = None,
) -> Results:
    """Return one page of the results, with up to ``times`` free starts each.

    Times are of matching schedules only (see asked.py), and of those that ``booker`` can book.
    ``liked`` are the reader's favourites: with order BEST they come first, with other orders they
    are only marked. Takes at most five statements while the directory does not change, however many
    results there are; two more where times of many are compared.
    """
    names = network.fresh(work.session)
    matches = names.index.search(search.wanted)
    wanted_schedules = names.schedules.asked(matches)
    around = names.around(search)
    kilometres = names.places.kilometres(around) if around else {}
    fits = [
        _Fit(entry, match.score, kilometres=_nearest(entry, kilometres))
        for match in matches.found
        if (entry := _fitting(names.entries[match.key], search))
    ]
    if search.filters != ANYTHING and matches.corrected is None:
        # What has the words is not what passes the filters.
        fits = [fit for fit in fits if wanted_schedules.of(fit.entry).no_times is not NoTimes.GUESS]
    fits, is_far = _near(fits)
    counts: dict[Kind, int] = {"practitioner": 0, "centre": 0, "department": 0}
    for fit in fits:
        counts[fit.entry.kind] += 1
    away = {key for key, distance in kilometres.items() if distance > NEAR and not is_far}
    chosen = [
        _Fit(entry, score, wanted_schedules.of(entry).without(entry, away), distance)
        for entry, score, _, distance in fits
        if entry.kind in search.kinds
    ]
    items, total = _page(work, chosen, search, liked, days=days, times=times, booker=booker)
    return Results(items, total, counts, matches.corrected, matches.wider, around, is_far)


def _nearest(entry: Entry, kilometres: Mapping[int, float]) -> float | None:
    """Return how far the nearest centre of an entry is; None if nobody knows."""
    if not kilometres:
        return None
    return min((kilometres[key] for key in entry.centre_ids if key in kilometres), default=None)


def _near(fits: list[_Fit]) -> tuple[list[_Fit], bool]:
    """Return the results that are not far away, and False; if all are that can be told, then all,
    and True."""
    if not any(fit.is_near for fit in fits):
        return fits, any(fit.kilometres is not None for fit in fits)
    return [fit for fit in fits if fit.kilometres is None or fit.is_near], False


def _page(
    work: Work,
    chosen: list[_Fit],
    search: Search,
    liked: Set[EntryKey],
    *,
    days: int,
    times: int,
    booker: Booker | None,
) -> tuple[list[Result], int]:
    """Sort the results, select the page and add what it shows.

    Times of all results are read only if the order or the filter needs them.
    """
    offset = (search.page - 1) * search.page_size
    cut = slice(offset, offset + search.page_size)
    rated = [_rating_key(fit.entry) for fit in chosen]
    by_rating = averages(work.session, None if search.order is Order.RATING else rated)
    by_time = search.order is Order.EARLIEST or search.is_timed
    total = len(chosen)
    if not by_time:
        chosen.sort(key=lambda fit: _rank(fit, by_rating, liked, search.order))
        chosen = chosen[cut]
    elif not search.is_timed:
        chosen = _with_earliest(work, chosen, cut.stop, days=days, booker=booker)
    free = _times(work, chosen, days=days, when=search.when, evening=search.evening, booker=booker)
    if by_time:
        chosen = _by_time(chosen, free, only_timed=search.is_timed)
        total = len(chosen) if search.is_timed else total
        chosen = chosen[cut]
    return [
        _result(fit, free, times, by_rating, (fit.entry.kind, fit.entry.id) in liked)
        for fit in chosen
    ], total


def _with_earliest(
    work: Work, chosen: list[_Fit], count: int, *, days: int, booker: Booker | None
) -> list[_Fit]:
    """Return the results with the ``count`` earliest times, if so many have one in the next days;
    else all. Of many results this reads a small part of their times."""
    if sum(len(fit.asked.schedule_ids) for fit in chosen) <= MANY or days <= SOON.days:
        return chosen
    free = _times(work, chosen, days=SOON.days, booker=booker)
    first = _by_time(chosen, free, only_timed=True)[:count]
    return first if len(first) == count else chosen


def _times(
    work: Work,
    chosen: list[_Fit],
    *,
    days: int,
    when: When = When.ANY,
    evening: bool = False,
    booker: Booker | None,
) -> FreeTimes:
    """Return the free times of what the results are asked for."""
    ids = {key for fit in chosen for key in fit.asked.schedule_ids}
    services = {key: one for fit in chosen for key, one in fit.asked.services.items()}
    return FreeTimes.read(
        work, ids, days=days, services=services, when=when, evening=evening, booker=booker
    )


def _by_time(chosen: list[_Fit], free: FreeTimes, *, only_timed: bool) -> list[_Fit]:
    """Sort by the earliest free time; results without one come last, or are left out."""
    timed = [(free.earliest(fit.asked.schedule_ids), fit) for fit in chosen]
    if only_timed:
        timed = [pair for pair in timed if pair[0] is not None]
    timed.sort(key=lambda pair: (pair[0] is None, pair[0] or 0, -pair[1].score, pair[1].entry.name))
    return [fit for _, fit in timed]


def _result(
    fit: _Fit, free: FreeTimes, times: int, ratings: dict[Rated, Average], is_favourite: bool
) -> Result:
    ids = fit.asked.schedule_ids
    slots, no_times = tuple(free.first(ids, times)), fit.asked.no_times
    if not slots and no_times is None:
        barrier = free.barrier(ids)
        no_times = NoTimes(barrier) if barrier else NoTimes.FULL
    rating = ratings.get(_rating_key(fit.entry))
    return Result(fit.entry, rating, slots, is_favourite, no_times, fit.kilometres)


def _index(entries_by_key: dict[EntryKey, Entry]) -> Index[EntryKey]:
    index: Index[EntryKey] = Index()
    for key, entry in entries_by_key.items():
        index.add(key, _texts(entry))
    return index


def _texts(entry: Entry) -> Iterator[Text]:
    """Yield the texts of an entry with their weights; its name counts most."""
    yield Text("name", entry.name, 1.2)
    if entry.kind == "centre":
        yield Text("centre", entry.name)
    if entry.kind == "department":
        yield Text("centre", entry.centre, 0.7)
        yield Text("service", entry.name, said=said_of(entry.name))
    if entry.kind == "practitioner":
        yield Text("service", entry.subtitle, said=said_of(entry.subtitle, entry.said))
    elif entry.kind == "centre":
        yield Text("type", entry.subtitle, 0.8)
    yield Text("expertise", entry.expertise, said=said_of(entry.expertise))
    yield Text("language", entry.languages, 0.7)
    yield Text("suburb", entry.suburb)
    for offer in entry.offers:
        yield Text("service", offer.name, 0.6, said=said_of(*offer))
    for name in {offer.name for place in entry.places for offer in place.services}:
        yield Text("service", name, 0.6, said=said_of(name))
    if entry.kind == "practitioner":
        for place in entry.places:
            yield Text("centre", place.centre, 0.7)
            yield Text("suburb", place.suburb, 0.9)


def _fitting(entry: Entry, search: Search) -> Entry | None:
    if search.without_referral and entry.needs_referral:
        return None
    return search.filters.narrow(entry)


def _rank(
    fit: _Fit, ratings: dict[Rated, Average], liked: Set[EntryKey], order: Order
) -> tuple[float | str, ...]:
    """Return what the results are sorted by: those about equally far away by how well they fit."""
    entry = fit.entry
    rating = ratings.get(_rating_key(entry))
    stars = -rating.stars if rating else 0.0
    rounded = -round(fit.score, 2)
    if order is Order.RATING:
        return (stars, rounded, entry.name)
    away = inf if fit.kilometres is None else round(fit.kilometres)
    return ((entry.kind, entry.id) not in liked, away, rounded, stars, entry.name)


def _rating_key(entry: Entry) -> Rated:
    """Return the key of an entry's rating; the key of departments finds none."""
    return (
        ("practitioner", entry.id)
        if entry.kind == "practitioner"
        else ("centre", entry.id if entry.kind == "centre" else -1)
    )
