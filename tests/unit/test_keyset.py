"""Pages go on after a key, in SQL and in memory alike."""

from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, select

from openslot.core import keyset

ROWS = [(1, 9), (1, 3), (2, 5), (3, 1), (3, 2), (3, 4)]
TABLE = Table("row", MetaData(), Column("day", Integer), Column("id", Integer))


def by_sql(order: list[Any], after: keyset.Key | None) -> list[tuple[int, int]]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        TABLE.create(connection)
        connection.execute(TABLE.insert(), [{"day": day, "id": number} for day, number in ROWS])
        found = connection.execute(keyset.page(select(TABLE), order, after)).all()
    engine.dispose()
    return [(row.day, row.id) for row in found]


@pytest.mark.parametrize("after", [None, (1, 3), (2, 5), (3, 4), (1,), (2,), (0, 0), [3, 1]])
def test_a_list_goes_on_after_a_key(after: keyset.Key | None) -> None:
    expected = (
        sorted(ROWS)
        if after is None
        else [row for row in sorted(ROWS) if row[: len(after)] > tuple(after)]
    )
    assert by_sql([TABLE.c.day, TABLE.c.id], after) == expected
    assert keyset.sort_after(ROWS, lambda row: row, after) == expected


@pytest.mark.parametrize("after", [None, (3, 4), (2, 5), (1, 3), (3,), (4,)])
def test_a_list_with_the_newest_first_goes_on_after_a_key(after: keyset.Key | None) -> None:
    newest = sorted(ROWS, reverse=True)
    expected = (
        newest if after is None else [row for row in newest if row[: len(after)] < tuple(after)]
    )
    assert by_sql([TABLE.c.day.desc(), TABLE.c.id.desc()], after) == expected
    assert keyset.sort_after(ROWS, lambda row: row, after, reverse=True) == expected


def test_each_column_has_its_own_direction() -> None:
    order = [TABLE.c.day.desc(), TABLE.c.id]
    everything = by_sql(order, None)
    assert everything == [(3, 1), (3, 2), (3, 4), (2, 5), (1, 3), (1, 9)]
    for number, row in enumerate(everything):
        assert by_sql(order, row) == everything[number + 1 :]
