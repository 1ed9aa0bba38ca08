"""Free starts of a whole network in process: 90 days of 10,000 diaries."""

import random
import time
from collections.abc import Callable, Iterator
from statistics import median
from zoneinfo import ZoneInfo

from openslot.schedules.availability import DAY, Weekly, Window, grid, opening, starts_of_runs

DIARIES = 10_000
DAYS = 90
ROUNDS = 7
ZONES = ("Australia/Sydney", "Australia/Perth", "Europe/Dublin", "Asia/Kathmandu")
WINDOW = Window(20_600, DAYS)


def figures() -> Iterator[str]:
    """Each figure as a line."""
    diaries = list(_diaries(random.Random(1)))
    spread = _measured(lambda: sum(1 for one in diaries if _first_start(*one) is not None))
    yield f"earliest start of {DIARIES:,} diaries over {DAYS} days: {spread}"
    spread = _measured(lambda: sum(_all_starts(*one).bit_count() for one in diaries))
    yield f"all starts of {DIARIES:,} diaries over {DAYS} days: {spread}"


def _diaries(chance: random.Random) -> Iterator[tuple[tuple[Weekly, ...], str, int, int]]:
    """Hours, zone, slot length in ticks and taken bitmap: the first two weeks nearly full,
    then thinning out."""
    for _ in range(DIARIES):
        opens, closes = chance.choice([7, 8, 9]) * 60, chance.choice([15, 16, 17, 18]) * 60
        days = chance.sample(range(7), chance.choice([3, 4, 5]))
        hours = tuple(Weekly(day, opens, closes) for day in sorted(days))
        yield hours, chance.choice(ZONES), chance.choice([3, 6]), _taken(chance)


def _taken(chance: random.Random) -> int:
    taken = 0
    for day in range(DAYS):
        share = 0.9 if day < 14 else max(0.05, 0.6 - day / 150)
        for slot in range(48):
            if chance.random() < share:
                taken |= 0b111111 << (day * DAY + slot * 6)
    return taken


def _all_starts(hours: tuple[Weekly, ...], zone: str, ticks: int, taken: int) -> int:
    place = ZoneInfo(zone)
    free = opening(hours, place, WINDOW) & ~taken
    return starts_of_runs(free, ticks) & grid(ticks * 5, place, WINDOW)


def _first_start(hours: tuple[Weekly, ...], zone: str, ticks: int, taken: int) -> int | None:
    starts = _all_starts(hours, zone, ticks, taken)
    return WINDOW.start + (starts & -starts).bit_length() - 1 if starts else None


def _measured(work: Callable[[], int]) -> str:
    """Median and spread of the rounds after one that warms up."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return (
        f"median {median(seconds) * 1000:.0f} ms, "
        f"{min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f} ms in {ROUNDS} rounds"
    )
