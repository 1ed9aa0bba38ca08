"""Threads that start together, so that races happen each time and not now and then."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 20.0
"""Seconds until a thread that waits for the others gives up with BrokenBarrierError."""


def barrier(parties: int) -> Barrier:
    """A point that nobody passes before all have reached it."""
    return Barrier(parties, timeout=PATIENCE)


def race(racers: int, work: Callable[[int], T]) -> list[T]:
    """What ``work(0)``, ``work(1)`` ... return, all started at the same moment.

    An exception of one of them is raised here, after all have ended.
    """
    start = barrier(racers)

    def run(number: int) -> T:
        start.wait()
        return work(number)

    with ThreadPoolExecutor(racers) as pool:
        futures = [pool.submit(run, number) for number in range(racers)]
    return [future.result() for future in futures]
