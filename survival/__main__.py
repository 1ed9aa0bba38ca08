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
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import clusters
from engines import program
from survival.postgresql import Cluster, Member
from survival.rounds import HEAD, Kind, Result, Trial

PAGE = Path(__file__).parents[1] / "docs/scaling.md"
MARK = "## What was tried\n"
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
    parser.add_argument("--only", default="", help="kinds of which the name has this in it")
    parser.add_argument("--write", action="store_true", help="write docs/scaling.md")
    chosen = parser.parse_args()
    results: list[Result] = []
    for name, trial in TRIALS.items():
        if chosen.engine not in name:
            continue
        with _folder() as folder:
            for result in trial(folder, chosen.rounds, chosen.only):
                print(result.row, dict(result.failed), flush=True)
                if result not in results:
                    results.append(result)
    lines = [*_described(), "", HEAD, *(result.row for result in results)]
    print("\n".join(lines))
    if chosen.write:
        before = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
        PAGE.write_text(before + MARK + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(not all(result.is_good for result in results))


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

        kinds = [
            Kind("a Galera node of three", kill, lambda: killed[-1].start(), is_back),
        ]
        yield from _all(trial, kinds, rounds, only)


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

        def kill_pooler() -> None:
            killed.append(cluster.leader())
            killed[-1].kill_pooler()
            killed[-1].start_pooler()  # as systemd does

        kinds = [
            Kind("the PostgreSQL primary", kill, lambda: killed[-1].start(), cluster.is_whole),
            Kind("PgBouncer", kill_pooler, lambda: None, lambda: True),
            trial.worker(),
            trial.web(),
        ]
        yield from _all(trial, kinds, rounds, only)


def _all(trial: Trial, kinds: list[Kind], rounds: int, only: str) -> Iterator[Result]:
    for kind in kinds:
        if only in kind.name:
            yield from trial.rounds(kind, rounds)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder on a disk, deleted at the end."""
    path = Path(tempfile.mkdtemp(prefix="openslot-survive-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _described() -> Iterator[str]:
    yield f'`make survive ARGS="{shlex.join(sys.argv[1:])}"` on {datetime.now(UTC):%d %B %Y}:'
    yield f"{platform.platform()}, {os.cpu_count()} processors; {', '.join(_versions())}."
    yield "Three clients book and cancel, and send again what was not answered."


def _versions() -> Iterator[str]:
    for name, (command, *words) in PROGRAMS.items():
        said = subprocess.run([program(command) or command, *words], capture_output=True, text=True)
        number = re.search(r"\d+\.\d+(\.\d+)?", (said.stdout + said.stderr).replace("  Ver ", ""))
        yield f"{name} {number[0] if number else '?'}"


TRIALS = {"galera": _galera, "postgresql": _postgresql}


if __name__ == "__main__":
    main()
