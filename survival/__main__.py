"""Kill machines under load and see what is lost: ``make survive``.

Three nodes of Galera; PostgreSQL with a synchronous standby under Patroni and etcd, behind
PgBouncer; `openslot serve` with two web processes and a worker. All of it on private ports of
127.0.0.1 and in a folder of its own, and ended at the end.
"""

import argparse
import os
import platform
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from bench import servers

import clusters
from engines import program
from survival import cost
from survival.postgresql import Cluster, Member
from survival.rounds import HEAD, Kind, Result, Trial

PAGE = Path(__file__).parents[1] / "docs/scaling.md"
TRIED, COST = "## What was tried\n", "## What it costs\n"
PROGRAMS = {
    "MariaDB": ("mariadbd", "--version"),
    "PostgreSQL": ("postgres", "--version"),
    "PgBouncer": ("pgbouncer", "--version"),
    "Patroni": ("patroni", "--version"),
    "etcd": ("etcd", "--version"),
}


def main() -> None:
    """Print a row after each round, and write the table at the end if that is asked for."""
    parser = argparse.ArgumentParser(prog="make survive", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="kills of each kind")
    parser.add_argument("--engine", default="", choices=["", *TRIALS], help="only this one")
    parser.add_argument("--only", default="", help="kinds, as a regular expression")
    parser.add_argument("--cost", action="store_true", help="measure bookings a second instead")
    parser.add_argument("--write", action="store_true", help="write docs/scaling.md")
    chosen = parser.parse_args()
    if chosen.cost:
        _publish(COST, list(cost.lines()), is_written=chosen.write)
        return
    results: list[Result] = []
    for name, trial in TRIALS.items():
        if chosen.engine not in name:
            continue
        with servers.folder() as folder:
            for result in trial(folder, chosen.rounds, chosen.only):
                print(result.row, dict(result.failed), flush=True)
                if result not in results:
                    results.append(result)
    _publish(TRIED, [HEAD, *(result.row for result in results)], is_written=chosen.write)
    sys.exit(not all(result.is_good for result in results))


def _publish(heading: str, lines: list[str], *, is_written: bool) -> None:
    """Print what was found, and put it in its section of the page."""
    section = "\n".join([*_described(), "", *lines, ""])
    print(section)
    if is_written:
        before, after = PAGE.read_text(encoding="utf-8").split(heading, 1)
        next_one = re.search(r"^## ", after, re.MULTILINE)
        rest = "\n" + after[next_one.start() :] if next_one else ""
        PAGE.write_text(f"{before}{heading}\n{section}{rest}", encoding="utf-8")


def _galera(folder: Path, rounds: int, only: str) -> Iterator[Result]:
    with ExitStack() as stack:
        nodes = clusters.start_galera(folder, (1, 1, 1))
        for node in nodes:
            stack.callback(node.kill)
        nodes[0].ask("CREATE DATABASE openslot")
        trial = stack.enter_context(Trial.on(clusters.url_of(nodes, "openslot"), folder))
        killed: list[clusters.Node] = []

        def kill() -> None:
            killed.append(random.choice(nodes))
            killed[-1].kill()

        def is_back() -> bool:
            return killed[-1].is_synced() and killed[-1].ask(_SIZE)[1] == "3"

        def hang() -> None:
            killed.append(random.choice(nodes))
            killed[-1].signal(signal.SIGSTOP)

        def kill_most() -> None:
            both = random.sample(nodes, 2)
            for node in both:
                node.kill()
            time.sleep(CUT_OFF)
            for node in both:
                node.start()
            killed.extend(both)

        kinds = [
            Kind("a Galera node of three", kill, lambda: killed[-1].start(), is_back),
            Kind(
                "a Galera node that stands still",
                hang,
                lambda: killed[-1].signal(signal.SIGCONT),
                is_back,
            ),
            Kind("two Galera nodes of three, for 10 s", kill_most, lambda: None, is_back),
        ]
        yield from _all(trial, kinds, rounds, only)


CUT_OFF = 10.0
"""Seconds for which the last node of three is alone, and refuses everything."""

_SIZE = "SHOW STATUS LIKE 'wsrep_cluster_size'"


def _postgresql(folder: Path, rounds: int, only: str) -> Iterator[Result]:
    with ExitStack() as stack:
        cluster = Cluster.start(folder)
        stack.callback(cluster.stop)
        trial = stack.enter_context(Trial.on(cluster.url, folder))
        killed: list[Member] = []

        def kill() -> None:
            killed.append(cluster.leader())
            killed[-1].kill()

        def hang() -> None:
            killed.append(cluster.leader())
            killed[-1].signal(signal.SIGSTOP)

        def kill_pooler() -> None:
            killed.append(cluster.leader())
            killed[-1].kill_pooler()
            killed[-1].start_pooler()  # as systemd does

        kinds = [
            Kind("the PostgreSQL primary", kill, lambda: killed[-1].start(), cluster.is_whole),
            Kind(
                "a PostgreSQL primary that stands still",
                hang,
                lambda: killed[-1].signal(signal.SIGCONT),
                cluster.is_whole,
            ),
            Kind(
                "a switch-over by patronictl",
                lambda: cluster.leader().hand_over(),
                lambda: None,
                cluster.is_whole,
            ),
            Kind("PgBouncer", kill_pooler, lambda: None, lambda: True),
            trial.worker(),
            trial.web(),
        ]
        yield from _all(trial, kinds, rounds, only)


def _all(trial: Trial, kinds: list[Kind], rounds: int, only: str) -> Iterator[Result]:
    for kind in kinds:
        if re.search(only, kind.name):
            yield from trial.rounds(kind, rounds)


def _described() -> Iterator[str]:
    yield f'`make survive ARGS="{shlex.join(sys.argv[1:])}"` on {datetime.now(UTC):%d %B %Y}:'
    yield f"{platform.platform()}, {os.cpu_count()} processors; {', '.join(_versions())}."


def _versions() -> Iterator[str]:
    for name, (command, *words) in PROGRAMS.items():
        said = subprocess.run([program(command) or command, *words], capture_output=True, text=True)
        number = re.search(r"\d+\.\d+(\.\d+)?", (said.stdout + said.stderr).replace("  Ver ", ""))
        yield f"{name} {number[0] if number else '?'}"


TRIALS = {"galera": _galera, "postgresql": _postgresql}


if __name__ == "__main__":
    main()
