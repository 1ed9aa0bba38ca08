"""Reading the taken time of diaries."""

from collections.abc import Iterable

import pytest
from sqlalchemy.orm import Session

from openslot.core.db import Database
from openslot.directory.models import Diary
from openslot.schedules import diaries
from openslot.schedules.availability import DAY, Span, Window

LIMITS = ("FEW", "MOST_IDS_NAMED")


def test_taken_time_is_the_same_however_many_diaries_are_asked_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = Window(20_000, 3)

    def add(session: Session) -> list[int]:
        added = [Diary(kind=kind) for kind in ("practitioner", "room", "centre")]
        session.add_all(added)
        session.flush()
        ids = [diary.id for diary in added]
        taken = [
            (key, Span(window.start + at * DAY - 6, window.start + at * DAY + 6))
            for at, key in enumerate(ids)
        ]
        diaries.fill(session, taken)
        return ids

    ids = database.run(add)
    expected = {ids[0]: 0b111111, ids[1]: 0xFFF << DAY - 6, ids[2]: 0xFFF << 2 * DAY - 6}

    def taken(of: Iterable[int]) -> dict[int, int]:
        return database.read(lambda session: diaries.taken(session, of, window))

    assert taken(ids) == expected
    assert taken(ids[:1]) == {ids[0]: expected[ids[0]]}
    assert taken([]) == {}
    for limit in LIMITS:
        monkeypatch.setattr(diaries, limit, 0)
        everything = taken(ids)
        assert {key: everything[key] for key in ids} == expected
