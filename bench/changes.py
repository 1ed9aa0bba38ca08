"""How long requests wait because the directory changes meanwhile: the longest of each round."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import NamedTuple

from bench import load
from bench.load import Call, Client

EVERY = 0.3
"""Seconds between two changes."""

ROUNDS = 5


class Longest(NamedTuple):
    """Milliseconds of the longest request, in the median round."""

    changing: float
    quiet: float

    @property
    def because_of_it(self) -> float:
        """Milliseconds that a request waited for a change."""
        return max(0.0, self.changing - self.quiet)


def longest(port: int, requests: Sequence[Sequence[Call]], change: Call, seconds: float) -> Longest:
    """Send requests by 8 clients, in rounds with changes of a name and without, in turn."""
    quiet, changing = list[float](), list[float]()
    for number, calls in enumerate(requests):
        if number % 2:
            changing.append(_while_it_changes(port, calls, change, seconds))
        else:
            quiet.append(max(load.run(port, calls, clients=8, seconds=seconds).took))
    return Longest(median(changing), median(quiet))


def _while_it_changes(port: int, calls: Sequence[Call], change: Call, seconds: float) -> float:
    is_over = threading.Event()

    def change_names() -> None:
        client, number = Client(port), 0
        while not is_over.wait(EVERY):
            number += 1
            body = json.dumps({"name": f"Dr Renamed {number}"})
            status = client.ask(Call("PATCH", change.path, body, change.headers).encoded())
            assert status == "200", status

    with ThreadPoolExecutor(1) as pool:
        changer = pool.submit(change_names)
        try:
            return max(load.run(port, calls, clients=8, seconds=seconds).took)
        finally:
            is_over.set()
            changer.result()
