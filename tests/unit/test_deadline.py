"""What waits for another server ends in time, whatever else waits."""

import multiprocessing
import threading
from contextlib import ExitStack

from openslot.core.deadline import ends_within

PATIENCE = 10.0
SOON, LATER = 0.01, 60.0


def test_each_limit_ends_in_its_time_whichever_began_first() -> None:
    late, soon = threading.Event(), threading.Event()
    with ends_within(LATER, late.set), ends_within(SOON, soon.set):
        assert soon.wait(PATIENCE)
        assert not late.is_set()


def test_a_block_that_was_left_is_not_broken_off() -> None:
    left, next_one = threading.Event(), threading.Event()
    with ends_within(SOON, left.set):
        pass
    with ends_within(SOON * 2, next_one.set):
        assert next_one.wait(PATIENCE)
    assert not left.is_set()


def test_what_cannot_be_broken_off_leaves_the_others_theirs() -> None:
    def fail() -> None:
        raise ValueError

    ended = threading.Event()
    with ExitStack() as blocks:
        blocks.enter_context(ends_within(SOON, fail))
        blocks.enter_context(ends_within(SOON * 2, ended.set))
        assert ended.wait(PATIENCE)


def _ends() -> None:
    ended = threading.Event()
    with ends_within(SOON, ended.set):
        assert ended.wait(PATIENCE)


def test_a_forked_process_has_limits_of_its_own() -> None:
    with ends_within(LATER, threading.Event().set):  # the thread of the parent runs
        child = multiprocessing.get_context("fork").Process(target=_ends)
        child.start()
        child.join(PATIENCE * 2)
    assert child.exitcode == 0
