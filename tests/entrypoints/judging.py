"""Schemathesis in a process of its own, which stays: what it makes of a document serves for the
next run too, and takes longer than all requests."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path


@contextmanager
def judging(folder: Path) -> Iterator[ProcessPoolExecutor]:
    """The process, in a folder of its own; submit :func:`judge` to it."""
    spawning = get_context("spawn")
    with ProcessPoolExecutor(1, spawning, _begin, (folder,)) as judges:
        yield judges


def _begin(folder: Path) -> None:
    os.environ["NO_PROXY"] = "*"
    os.chdir(folder)


def judge(arguments: list[str]) -> tuple[int, str]:
    """Run ``st`` with the arguments; its exit code and what it says."""
    from click.testing import CliRunner  # noqa: PLC0415 - only in the process of its own
    from schemathesis.cli import schemathesis  # noqa: PLC0415 - the same; takes seconds

    done = CliRunner().invoke(schemathesis, arguments)
    return done.exit_code, done.output
