"""Search over the whole network: ranked matches with ratings and the next free times."""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import inf
from threading import Lock, Thread
from typing import NamedTuple, Self

import structlog
from sqlalchemy.orm import Session

from openslot.booking.slots import MANY, Booker, Slot
from openslot.core import clock
from openslot.core.db import Database, database_of
from openslot.core.errors import Busy, Unavailable
from openslot.core.work import Work
from openslot.directory.changes import queries as directory_changes
from openslot.directory.search import Index, Matches, Text, said_of
from openslot.feedback.queries import Average, Rated, averages
from openslot.schedules import known
from openslot.schedules.availability import instant_of, tick_at
from openslot.schedules.known import Bookable
from openslot.schedules.openings import Openings, openings
from openslot.search.asked import Asked, NoTimes, Schedules, Wanted
from openslot.search.filters import ANYTHING, NOTHING, Choices, Filters
from openslot.search.nearby import NEAR, Around, Places, Spot, standing_at
from openslot.search.queries import Entry, EntryKey, Kind, entries, sites
from openslot.search.soonest import Candidate, Turns, free_first
from openslot.search.times import NEVER, FreeTimes, When, end_after

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
    counts: Mapping[Kind, int]
    corrected: str | None
    wider: bool
    around: Around | None = None
    is_far: bool = False


class Fit(NamedTuple):
    """An entry that fits a search, its score, how far it is, and its schedules that match."""

    key: EntryKey
    entry: Entry
    score: float
    kilometres: float | None = None
    asked: Asked = Asked(())

    @property
    def is_near(self) -> bool:
        """Return whether it is known to be near."""
        return self.kilometres is not None and self.kilometres <= NEAR


@dataclass(frozen=True, slots=True)
class Names:
    """The names of a version of the directory, and the words of its schedules."""

    version: int = -1
    entries: Mapping[EntryKey, Entry] = field(default_factory=dict)
    index: Index[EntryKey] = field(default_factory=Index)
    schedules: Schedules = field(default_factory=Schedules)
    places: Places = field(default_factory=Places)
    choices: Choices = NOTHING
    everything: Sequence[Fit] = ()

    @classmethod
    def read(cls, session: Session) -> Self:
        """Return the names as ``session`` sees them."""
        version = directory_changes.version(session)
        by_key = {(entry.kind, entry.id): entry for entry in entries(session)}
        schedules = Schedules.of(by_key.values())
        return cls(
            version,
            by_key,
            _index(by_key),
            schedules,
            Places.of(sites(session)),
            Choices.of(by_key.values()),
            [Fit(key, entry, 0.0) for key, entry in by_key.items()],
        )

    def fitting(self, matches: Matches[EntryKey]) -> Sequence[Fit]:
        """Return what matches; everything if nothing is asked for."""
        if not matches.asked:
            return self.everything
        return [Fit(key, self.entries[key], score) for key, score in matches.found]

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
        self._turns = Turns(self._names.entries, Openings())
        self._lock = Lock()
        self._rests_until = 0.0

    def fresh(self, session: Session) -> Names:
        """Return the names; one statement without a change."""
        version, names = directory_changes.version(session), self._names
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
            database.read(self._read_all)

    def _read_all(self, session: Session) -> None:
        openings(session, known.bookable(session), clock.now())
        self.fresh(session)

    def entry(self, session: Session, key: EntryKey) -> Entry | None:
        """Return what has this key, or None; what is new is waited for."""
        names = self.fresh(session)
        if key not in names.entries:
            names = self._at(session, directory_changes.version(session))
        return names.entries.get(key)

    def turns(self, names: Names, openings: Openings) -> Turns:
        """Return the order in which the entries can be free."""
        latest = self._turns
        if not latest.is_of(names.entries, openings):
            latest = self._turns = Turns(names.entries, openings)
        return latest

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


@dataclass(frozen=True, slots=True)
class _Times:
    """The times of results: of their schedules that match the search and are not in centres that
    are ``away``, until ``ends``."""

    work: Work
    search: Search
    wanted: Wanted
    away: Set[int]
    ends: datetime
    booker: Booker | None
    bookable: Mapping[int, Bookable]

    def asked(self, fits: Iterable[Fit]) -> list[Fit]:
        """Return the results with the schedules that they are asked for."""
        return [
            fit._replace(asked=self.wanted.of(fit.entry).without(fit.entry, self.away))
            for fit in fits
        ]

    def free(self, fits: Collection[Fit], before: datetime | None = None) -> FreeTimes:
        """Read the free times of what the results are asked for."""
        return FreeTimes.between(
            self.work,
            self.bookable,
            {key for fit in fits for key in fit.asked.schedule_ids},
            ends=before or self.ends,
            services={key: one for fit in fits for key, one in fit.asked.services.items()},
            when=self.search.when,
            evening=self.search.evening,
            booker=self.booker,
        )

    def first_ticks(self, fits: Iterable[Fit], before: int) -> list[int]:
        """Return the first free tick of each result, NEVER if there is none before a tick."""
        asked = self.asked(fits)
        free = self.free(asked, instant_of(before))
        return [free.earliest(fit.asked.schedule_ids) for fit in asked]


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
    results there are; some more where times of many are compared (see soonest.py).
    """
    names = network.fresh(work.session)
    matches = names.index.search(search.wanted)
    wanted_schedules = names.schedules.asked(matches)
    around = names.around(search)
    kilometres = names.places.kilometres(around) if around else {}
    fits = names.fitting(matches)
    if search.without_referral:
        fits = [fit for fit in fits if not fit.entry.needs_referral]
    if search.filters != ANYTHING:
        narrowed = ((fit, search.filters.narrow(fit.entry)) for fit in fits)
        fits = [fit._replace(entry=entry) for fit, entry in narrowed if entry]
        if matches.corrected is None:
            # What has the words is not what passes the filters.
            passes = wanted_schedules.of
            fits = [fit for fit in fits if passes(fit.entry).no_times is not NoTimes.GUESS]
    fits, is_far = _near(fits, kilometres)
    counts = Counter[Kind](fit.entry.kind for fit in fits)
    reading = _Times(
        work,
        search,
        wanted_schedules,
        {key for key, distance in kilometres.items() if distance > NEAR and not is_far},
        end_after(work.now, days),
        booker,
        known.bookable(work.session),
    )
    chosen = [fit for fit in fits if fit.entry.kind in search.kinds]
    items, total = _page(network, names, chosen, reading, times, liked)
    return Results(items, total, counts, matches.corrected, matches.wider, around, is_far)


def _near(fits: Sequence[Fit], kilometres: Mapping[int, float]) -> tuple[Sequence[Fit], bool]:
    """Return the results that are not far away, and False; if all are that can be told, then all,
    and True."""
    if not kilometres:
        return fits, False
    fits = [fit._replace(kilometres=_nearest(fit.entry, kilometres)) for fit in fits]
    if not any(fit.is_near for fit in fits):
        return fits, any(fit.kilometres is not None for fit in fits)
    return [fit for fit in fits if fit.kilometres is None or fit.is_near], False


def _nearest(entry: Entry, kilometres: Mapping[int, float]) -> float | None:
    """Return how far the nearest centre of an entry is; None if nobody knows."""
    return min((kilometres[key] for key in entry.centre_ids if key in kilometres), default=None)


def _page(
    network: Directory,
    names: Names,
    chosen: list[Fit],
    reading: _Times,
    times: int,
    liked: Set[EntryKey],
) -> tuple[list[Result], int]:
    """Sort the results, select the page and add what it shows; also return their number.

    Times of all results are read only if the filter needs them.
    """
    search, session = reading.search, reading.work.session
    offset = (search.page - 1) * search.page_size
    cut = slice(offset, offset + search.page_size)
    total = len(chosen)
    if search.order is Order.EARLIEST or search.is_timed:
        if not search.is_timed and _are_many(chosen, reading):
            chosen = _free_first(network, names, chosen, cut.stop, reading)
        chosen = reading.asked(chosen)
        free = reading.free(chosen)
        chosen = _by_time(chosen, free, only_timed=search.is_timed)
        total = len(chosen) if search.is_timed else total
        chosen = chosen[cut]
        ratings = averages(session, [_rating_key(fit.entry) for fit in chosen])
    else:
        rated = [_rating_key(fit.entry) for fit in chosen]
        ratings = averages(session, None if search.order is Order.RATING else rated)
        chosen.sort(key=lambda fit: _rank(fit, ratings, liked, search.order))
        chosen = reading.asked(chosen[cut])
        free = reading.free(chosen)
    return [_result(fit, free, times, ratings, fit.key in liked) for fit in chosen], total


def _are_many(chosen: list[Fit], reading: _Times) -> bool:
    """Return whether it is worth while not to read the times of all."""
    if len(chosen) > MANY:
        return True
    return sum(len(fit.asked.schedule_ids) for fit in reading.asked(chosen)) > MANY


def _free_first(
    network: Directory, names: Names, chosen: list[Fit], count: int, reading: _Times
) -> list[Fit]:
    """Return the ``count`` results that are free first."""
    work = reading.work
    turns = network.turns(names, openings(work.session, reading.bookable, work.now))
    candidates: Iterable[Candidate[Fit]]
    if reading.wanted.words:
        candidates = sorted(turns.candidate(fit.key, fit.score, fit) for fit in chosen)
    else:
        by_key = {fit.key: fit for fit in chosen}
        candidates = (
            turns.candidate(key, 0.0, by_key[key]) for key in turns.in_order if key in by_key
        )
    return free_first(candidates, count, reading.first_ticks, ends=tick_at(reading.ends))


def _by_time(chosen: list[Fit], free: FreeTimes, *, only_timed: bool) -> list[Fit]:
    """Sort by the earliest free time; results without one come last, or are left out."""
    timed = [(free.earliest(fit.asked.schedule_ids), fit) for fit in chosen]
    if only_timed:
        timed = [pair for pair in timed if pair[0] < NEVER]
    timed.sort(key=lambda pair: (pair[0], -pair[1].score, pair[1].entry.name))
    return [fit for _, fit in timed]


def _result(
    fit: Fit, free: FreeTimes, times: int, ratings: dict[Rated, Average], is_favourite: bool
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


def _rank(
    fit: Fit, ratings: dict[Rated, Average], liked: Set[EntryKey], order: Order
) -> tuple[float | str, ...]:
    """Return what the results are sorted by: those about equally far away by how well they fit."""
    entry = fit.entry
    rating = ratings.get(_rating_key(entry))
    stars = -rating.stars if rating else 0.0
    rounded = -round(fit.score, 2)
    if order is Order.RATING:
        return (stars, rounded, entry.name)
    away = inf if fit.kilometres is None else round(fit.kilometres)
    return (fit.key not in liked, away, rounded, stars, entry.name)


def _rating_key(entry: Entry) -> Rated:
    """Return the key of an entry's rating; the key of departments finds none."""
    return (
        ("practitioner", entry.id)
        if entry.kind == "practitioner"
        else ("centre", entry.id if entry.kind == "centre" else -1)
    )
