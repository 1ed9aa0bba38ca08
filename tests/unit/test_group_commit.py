"""Parts that are ready together are written together, and each hears what became of its own."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from sqlalchemy.orm import Session

from openslot.core import group_commit
from openslot.core.errors import Unavailable
from openslot.core.group_commit import Alone, GroupCommit, Part, merged


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is ready waits for the others of a test, however slow the machine is."""
    monkeypatch.setattr(group_commit, "WAITS", 20.0)


def act(_session: Session, _values: Mapping[Any, Any]) -> None:
    """Stand for what writes: only its values are looked at here."""


def part(key: str, value: object = None) -> Part:
    made = Part()
    made.writes[act][key] = value
    return made


def keys(parts: Sequence[Part]) -> set[str]:
    return {key for _act, values in merged(parts) for key in values}


class Written:
    """A database whose first group takes until it is told to go on."""

    def __init__(self, then: Callable[[], None] = lambda: None):
        self.groups: list[set[str]] = []
        self.is_busy, self.goes_on = Event(), Event()
        self._then = then

    def __call__(self, parts: Sequence[Part]) -> None:
        self.groups.append(keys(parts))
        if len(self.groups) == 1:
            self.is_busy.set()
            assert self.goes_on.wait(20)
        else:
            self._then()


def outcomes(written: Written, parts: Sequence[Part]) -> list[BaseException | None]:
    """What each of the parts hears, which are all ready while another one is written."""
    group = GroupCommit(written)
    with ThreadPoolExecutor(len(parts) + 1) as pool:
        first = pool.submit(group.write, part("first"))
        assert written.is_busy.wait(20)
        others: list[Future[None]] = []
        for number, one in enumerate(parts):
            others.append(pool.submit(group.write, one))
            while len(group._ready) <= number:
                time.sleep(0.001)
        written.goes_on.set()
    assert first.exception() is None
    return [one.exception() for one in others]


def test_what_is_ready_meanwhile_is_written_at_once() -> None:
    written = Written()
    assert outcomes(written, [part("a"), part("b"), part("c")]) == [None] * 3
    assert written.groups == [{"first"}, {"a", "b", "c"}]


def test_of_two_that_disagree_the_later_one_is_not_written() -> None:
    written = Written()
    first, later, same = outcomes(written, [part("a", 1), part("a", 2), part("a", 1)])
    assert (first, type(later), same) == (None, Alone, None)
    assert written.groups[1:] == [{"a"}]


def test_if_one_cannot_be_written_it_is_alone_and_the_others_are_written() -> None:
    def refuse() -> None:
        if "b" in written.groups[-1]:
            raise ValueError

    written = Written(refuse)
    heard = outcomes(written, [part("a"), part("b"), part("c")])
    assert [type(one) for one in heard] == [type(None), Alone, type(None)]
    assert written.groups[1:] == [{"a", "b", "c"}, {"a"}, {"b"}, {"c"}]


def test_if_what_all_rest_on_is_no_longer_so_none_is_tried_by_itself() -> None:
    def refuse() -> None:
        raise Alone

    written = Written(refuse)
    heard = outcomes(written, [part("a"), part("b")])
    assert [type(one) for one in heard] == [Alone, Alone]
    assert written.groups[1:] == [{"a", "b"}]


def test_if_the_connection_breaks_each_hears_that_it_is_not_known() -> None:
    def break_off() -> None:
        raise Unavailable(reason="gone", is_broken=True)

    heard = outcomes(Written(break_off), [part("a"), part("b")])
    assert [(type(one), getattr(one, "is_broken", None)) for one in heard] == [
        (Unavailable, True)
    ] * 2
    assert heard[0] is not heard[1]


def test_if_its_writer_is_ended_nobody_believes_to_be_written() -> None:
    def end() -> None:
        raise SystemExit

    heard = outcomes(Written(end), [part("a"), part("b")])
    assert {type(one) for one in heard} == {SystemExit, Alone}


def test_whose_turn_does_not_come_is_told_so_and_never_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = Written()
    group = GroupCommit(written)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(group.write, part("first"))
        assert written.is_busy.wait(20)
        monkeypatch.setattr(group_commit, "WAITS", 0.01)
        with pytest.raises(Alone):
            group.write(part("late"))
        written.goes_on.set()
        first.result()
    group.write(part("next"))
    assert written.groups == [{"first"}, {"next"}]


def test_what_has_no_room_in_a_group_is_written_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "MOST", 2)
    written = Written()
    assert outcomes(written, [part("a"), part("b"), part("c")]) == [None] * 3
    assert written.groups == [{"first"}, {"a", "b"}, {"c"}]


def test_if_something_is_in_the_way_nobody_waits_for_others_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wait_in_vain() -> None:
        monkeypatch.setattr(group_commit, "WAITS", 0.0)
        raise ValueError

    written = Written(wait_in_vain)
    heard = outcomes(written, [part("a"), part("b")])
    assert [type(one) for one in heard] == [Alone, Alone]
    assert written.groups[1:] == [{"a", "b"}]
