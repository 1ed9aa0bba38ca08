"""Measure, print and write the tables: ``make bench``, ``make bench ARGS="--seconds 1"``."""

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import board, needing, over_http, pages, reporting, searching
from bench.goals import Goals
from bench.over_http import Size

PAGE = Path(__file__).parents[1] / "docs/benchmarks.md"


def main() -> None:
    """Print every line as soon as it is known, and at the end whether all holds that must. In the
    page, that is at the top."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual network")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of each round")
    parser.add_argument("--full", action="store_true", help="10,000,000 appointments")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    chosen = parser.parse_args()
    goals, written = Goals(), list[str]()
    for line in _figures(chosen, goals):
        print(line, flush=True)
        written.append(line)
    top = [*_head(), *goals.table(), ""]
    print("", *top, sep="\n")
    if chosen.write:
        PAGE.write_text("\n".join(["# Benchmarks", "", *top, *written]) + "\n", encoding="utf-8")


def _head() -> Iterator[str]:
    yield f'`make bench ARGS="{shlex.join(sys.argv[1:])}"` on {datetime.now(UTC):%d %B %Y}:'
    yield f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}."
    yield ""


def _figures(chosen: argparse.Namespace, goals: Goals) -> Iterator[str]:
    yield "## Over HTTP, on PostgreSQL"
    yield ""
    most = 10_000_000 if chosen.full else 1_000_000
    size = Size(
        practitioners=round(10_000 * chosen.scale),
        centres=round(1_000 * chosen.scale),
        patients=round(100_000 * chosen.scale),
        appointments=(round(10_000 * chosen.scale), round(most * chosen.scale)),
        seconds=chosen.seconds,
    )
    yield from over_http.lines(size, goals)
    yield ""
    yield "## On the other engines"
    yield ""
    yield from over_http.other_engines(size, goals)
    yield ""
    yield "## In the process"
    yield ""
    for measured in (searching, needing, reporting, pages):
        for figure in measured.figures():
            yield f"- {figure}"
    yield ""
    yield "## In a browser, on SQLite: a board of 40 practitioners and 800 appointments"
    yield ""
    for figure in board.figures():
        yield f"- {figure}"


if __name__ == "__main__":
    main()
