"""Searching near to a place: by suburb, postcode or where somebody stands."""

from math import pi

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import NOW
from openslot.core.db import Database
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import Centre
from openslot.search.nearby import EARTH, Spot
from openslot.search.results import Directory, Order, Result, Results, Search, find
from town import Town, build_town
from working import work

RANDWICK, KENSINGTON = Spot(-33.914, 151.241), Spot(-33.911, 151.222)
SYDNEY, PERTH, DUBLIN = Spot(-33.868, 151.209), Spot(-31.953, 115.857), Spot(53.35, -6.26)

spots = st.builds(Spot, st.floats(-90, 90), st.floats(-180, 180))


@given(spots, spots, spots)
def test_distances_are_those_of_a_sphere(one: Spot, other: Spot, third: Spot) -> None:
    there, back = one.kilometres_to(other), other.kilometres_to(one)
    assert there == pytest.approx(back)
    assert 0 <= there <= pi * EARTH
    assert one.kilometres_to(one) == 0
    assert there <= one.kilometres_to(third) + third.kilometres_to(other) + 1e-3


def test_known_distances() -> None:
    assert SYDNEY.kilometres_to(PERTH) == pytest.approx(3290, abs=10)
    assert SYDNEY.kilometres_to(DUBLIN) == pytest.approx(17200, abs=50)
    across_the_date_line = Spot(0, 179.5).kilometres_to(Spot(0, -179.5))
    assert across_the_date_line == pytest.approx(111.2, abs=0.1)


@pytest.fixture
def town(sqlite_database: Database) -> Town:
    town = build_town(sqlite_database)
    settle(sqlite_database, town.hospital, RANDWICK, "1 High Street, Randwick NSW 2031")
    settle(sqlite_database, town.clinic, KENSINGTON, "Anzac Parade, Kensington NSW 2033")
    return town


def settle(database: Database, centre_id: int, spot: Spot | None, address: str) -> None:
    def change(session: object) -> None:
        centre = session.get_one(Centre, centre_id)  # type: ignore[attr-defined]
        centre.latitude, centre.longitude = spot or (None, None)
        centre.address = address
        mark_changed(session, "centre", centre_id)  # type: ignore[arg-type]

    database.run(change)


def search(database: Database, wanted: Search) -> Results:
    return database.read(
        lambda session: find(work(session, now=NOW), Directory(), wanted, days=56, times=5)
    )


def result_of(results: Results, practitioner_id: int) -> Result:
    return next(
        one
        for one in results.items
        if one.entry.kind == "practitioner" and one.entry.id == practitioner_id
    )


def distances(results: Results) -> list[tuple[str, float | None]]:
    return [(one.entry.name, rounded(one)) for one in results.items]


def rounded(result: Result) -> float | None:
    return None if result.kilometres is None else round(result.kilometres, 1)


CENTRES = frozenset({"centre"})


@pytest.mark.parametrize("where", ["Kensington", "kensngton", "2033", "kensington nsw 2033"])
def test_the_nearest_come_first_by_name_and_by_postcode(
    sqlite_database: Database, town: Town, where: str
) -> None:
    found = search(sqlite_database, Search(where=where, kinds=CENTRES))
    assert distances(found) == [("UNSW Health Service", 0), ("Prince of Wales Hospital", 1.8)]
    assert found.around is not None
    assert found.around.name == "Kensington"


def test_who_works_at_several_centres_is_as_far_as_the_nearest(
    sqlite_database: Database, town: Town
) -> None:
    found = search(sqlite_database, Search(text="GP", spot=KENSINGTON))
    gp = next(
        one for one in found.items if (one.entry.kind, one.entry.id) == ("practitioner", town.gp)
    )
    assert rounded(gp) == 0


def test_what_is_far_is_left_out_with_its_times(sqlite_database: Database, town: Town) -> None:
    settle(sqlite_database, town.clinic, PERTH, "Subiaco WA 6008")
    found = search(sqlite_database, Search(where="Randwick"))
    assert "UNSW Health Service" not in [one.entry.name for one in found.items]
    gp = next(
        one for one in found.items if (one.entry.kind, one.entry.id) == ("practitioner", town.gp)
    )
    assert {slot.schedule_id for slot in gp.slots} == {town.gp_at_hospital}


@pytest.mark.parametrize("order", list(Order))
def test_where_nothing_is_near_the_nearest_are_said_to_be_far(
    sqlite_database: Database, town: Town, order: Order
) -> None:
    found = search(sqlite_database, Search(text="GP", spot=PERTH, order=order))
    assert found.is_far
    assert found.total > 0
    assert all(one.slots for one in found.items if one.entry.kind == "practitioner")


def test_centres_that_nobody_has_put_on_the_map_come_last(
    sqlite_database: Database, town: Town
) -> None:
    settle(sqlite_database, town.clinic, None, "Kensington")
    found = search(sqlite_database, Search(where="Randwick", kinds=CENTRES))
    assert distances(found) == [("Prince of Wales Hospital", 0), ("UNSW Health Service", None)]
    assert not found.is_far


def test_a_suburb_without_a_position_has_its_own_centres_first(
    sqlite_database: Database, town: Town
) -> None:
    settle(sqlite_database, town.clinic, None, "Kensington")
    found = search(sqlite_database, Search(where="Kensington", kinds=CENTRES))
    assert distances(found) == [("UNSW Health Service", 0), ("Prince of Wales Hospital", None)]


@pytest.mark.parametrize("where", ["Paris", "Randwick Paris", "", "  ", "%", "🏥"])
def test_an_unknown_place_leaves_nothing_out(
    sqlite_database: Database, town: Town, where: str
) -> None:
    found = search(sqlite_database, Search(where=where))
    everything = search(sqlite_database, Search())
    assert found.around is None
    assert distances(found) == distances(everything)
