"""Searching the network: near matches, ranking, ratings, next free times, few statements."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

import factories
from factories import MONDAY_9, NOW
from openslot.core.actor import SYSTEM
from openslot.core.db import Database
from openslot.core.folding import folded
from openslot.core.ids import new_id
from openslot.directory import commands as directory
from openslot.directory.changes.queries import mark_changed
from openslot.directory.models import BookableBy, Gender, Mode, Practitioner
from openslot.directory.search import Index, Text, said_of, words
from openslot.feedback.models import Rating
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import set_hours
from openslot.schedules.models import Schedule
from openslot.search import results
from openslot.search.filters import Filters
from openslot.search.results import Directory, Order, Results, Search, When, find
from town import Town, build_town
from working import work


def search(database: Database, wanted: Search, network: Directory | None = None) -> Results:
    network = network or Directory()
    return database.read(
        lambda session: find(work(session, now=NOW), network, wanted, days=56, times=5)
    )


def names(results: Results) -> list[str]:
    return [result.entry.name for result in results.items]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Prince of Wales Hospital", "Prince of Wales Hospital"),
        ("wales prince", "Prince of Wales Hospital"),
        ("PRINCE  of-wales", "Prince of Wales Hospital"),
        ("prin wal", "Prince of Wales Hospital"),
        ("prinse of wales", "Prince of Wales Hospital"),
        ("physioterapist", "Ian Baker"),
        ("pyhsiotherapist", "Ian Baker"),
        ("physio randwick", "Ian Baker"),
        ("Sámuel Jáckson", "Samuel Jackson"),
        ("doctor kensington", "Samuel Jackson"),
        ("dental", "Amy Winehouse"),
        ("gp in randwick", "Samuel Jackson"),
        ("radiology", "Radiology"),
        ("ct", "Radiology"),
        ("GPs", "Samuel Jackson"),
        ("doctors kensington", "Samuel Jackson"),
        ("dentist", "Amy Winehouse"),
        ("dentists", "Amy Winehouse"),
        ("teeth", "Amy Winehouse"),
        ("scan", "Radiology"),
        ("scans randwick", "Radiology"),
    ],
)
def test_near_matches_find_what_is_meant(
    sqlite_database: Database, town: Town, typed: str, found: str
) -> None:
    assert names(search(sqlite_database, Search(text=typed)))[0] == found


@pytest.mark.parametrize(
    ("area", "said"),
    [
        ("Cardiology", ["cardiologist", "cardiologists", "heart"]),
        ("Neurology", ["neurologist", "brain"]),
        ("Paediatric surgery", ["pediatrician", "children"]),
        ("Dermatology", ["skin", "dermatologists"]),
    ],
)
def test_areas_are_found_by_what_people_say(area: str, said: list[str]) -> None:
    index: Index[str] = Index()
    index.add("area", [Text("expertise", area, said=said_of(area))])
    index.add("other", [Text("expertise", "Something else")])
    for typed in said:
        matches = index.search({"": typed})
        assert [match.key for match in matches.found] == ["area"], typed
        assert matches.corrected is None, typed


def test_a_part_of_what_people_say_is_there_by_chance() -> None:
    index: Index[str] = Index()
    index.add("gp", [Text("service", "GP", said=said_of("GP", "doctor physician"))])
    index.add("brian", [Text("name", "Brian May")])
    assert [match.key for match in index.search({"": "ian"}).found] == ["brian"]
    assert [match.key for match in index.search({"": "physici"}).found] == ["gp"]


def test_entries_with_words_in_the_same_fields_stay_apart() -> None:
    index: Index[int] = Index()
    index.add(1, [Text("name", "Wei"), Text("suburb", "Wei")])
    index.add(2, [Text("name", "Wei")])
    assert index.holding("suburb", ["wei"]) == {1}
    assert index.holding("name", ["wei"]) == {1, 2}


def test_misspelt_words_are_said(sqlite_database: Database, town: Town) -> None:
    results = search(sqlite_database, Search(text="samule jackson"))
    assert results.corrected == "samuel jackson"
    assert search(sqlite_database, Search(text="samuel jackson")).corrected is None


def test_where_nothing_holds_every_word_most_words_count(
    sqlite_database: Database, town: Town
) -> None:
    results = search(sqlite_database, Search(text="samuel jackson zzzzzz"))
    assert results.wider
    assert "Samuel Jackson" in names(results)
    assert search(sqlite_database, Search(text="zzzzzz")).total == 0


def test_where_nothing_holds_every_word_the_rarer_one_counts_more() -> None:
    index: Index[int] = Index()
    for key in range(20):
        language = "English, Spanish" if key == 7 else "English"
        profession = "Nurse" if key == 7 else "GP"
        index.add(key, [Text("service", profession), Text("language", language, 0.7)])
    matches = index.search({"": "gp who speaks spanish"})
    assert (matches.wider, matches.found[0].key) == (True, 7)


@pytest.mark.parametrize(
    ("field", "text", "found"),
    [
        ("centre", "unsw", {"UNSW Health Service", "Samuel Jackson"}),
        ("suburb", "kensington", {"UNSW Health Service", "Samuel Jackson"}),
        ("service", "physiotherapist", {"Ian Baker", "Prince of Wales Hospital"}),
        ("name", "jackson", {"Samuel Jackson"}),
        ("expertise", "dental", {"Amy Winehouse"}),
    ],
)
def test_each_of_the_separate_searches_looks_in_its_field_only(
    sqlite_database: Database, town: Town, field: str, text: str, found: set[str]
) -> None:
    wanted = replace(Search(), **{field: text})
    assert set(names(search(sqlite_database, wanted))) == found


def test_what_is_out_of_the_directory_is_out_of_the_search(
    sqlite_database: Database, town: Town
) -> None:
    network = Directory()
    assert search(sqlite_database, Search(text="ian baker"), network).total == 1

    def leave(session: Any) -> None:
        person = directory.queries.practitioner(session, town.physio)
        directory.set_active(work(session, SYSTEM, NOW), person, False)

    sqlite_database.run(leave)
    assert search(sqlite_database, Search(text="ian baker"), network).total == 0


def test_a_large_network_is_read_again_beside_the_searches(
    sqlite_database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "AT_ONCE", 0)
    monkeypatch.setattr(results, "RESTS", 100_000)
    network = Directory()
    assert search(sqlite_database, Search(text="ian baker"), network).total == 1

    def add(name: str) -> int:
        new = sqlite_database.run(
            lambda session: factories.practitioner(session, name, either_place=True).id
        )
        sqlite_database.run(
            lambda session: factories.schedule(session, town.clinic, practitioner_id=new)
        )
        return new

    def found() -> int:
        return search(sqlite_database, Search(text="newcomer"), network).total

    def entry(key: int) -> Any:
        return sqlite_database.read(lambda session: network.entry(session, ("practitioner", key)))

    first = add("Nora Newcomer")
    assert found() == 0
    # Who asks for the very one waits for it.
    assert entry(first) is not None
    assert found() == 1
    # It was read a moment ago, and is not read all the time.
    second = add("Ned Newcomer")
    assert found() == 1
    with network._lock:  # whoever reads has read by then
        pass
    assert found() == 1
    assert entry(second) is not None
    assert found() == 2


def test_the_earliest_time_of_the_network_comes_first(
    sqlite_database: Database, town: Town
) -> None:
    sqlite_database.run(
        lambda session: factories.appointment(
            session, town.gp_at_hospital, MONDAY_9, town.patients[0], minutes=60
        )
    )
    wanted = Search(kinds=frozenset({"practitioner"}), order=Order.EARLIEST)
    results = search(sqlite_database, wanted)
    assert results.items[-1].entry.name == "Samuel Jackson"
    firsts = [result.slots[0].start for result in results.items]
    assert firsts == sorted(firsts)
    assert firsts[0] == MONDAY_9
    assert firsts[-1] == MONDAY_9 + timedelta(hours=1)


def test_the_earliest_of_many_are_the_earliest(
    sqlite_database: Database, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [
        Search(order=Order.EARLIEST, page=page, page_size=size)
        for page, size in ((1, 1), (1, 3), (2, 3), (1, 100))
    ]
    every_time = [search(sqlite_database, one).items for one in wanted]
    monkeypatch.setattr(results, "MANY", 0)
    assert [search(sqlite_database, one).items for one in wanted] == every_time


def test_filters_of_time_drop_what_has_none(sqlite_database: Database, town: Town) -> None:
    assert search(sqlite_database, Search(when=When.TODAY)).total == 0
    assert search(sqlite_database, Search(when=When.WEEK)).total > 0
    assert search(sqlite_database, Search(evening=True)).total == 0


def test_ratings_are_shown_and_rank(sqlite_database: Database, town: Town) -> None:
    def rate(session: Any) -> None:
        for patient, stars in zip(town.patients, (5, 4, 4), strict=True):
            session.add(
                Rating(
                    id=new_id(),
                    patient_id=patient,
                    practitioner_id=town.physio,
                    stars=stars,
                    rated_at=NOW,
                )
            )

    sqlite_database.run(rate)
    best = search(sqlite_database, Search(order=Order.RATING)).items[0]
    assert best.entry.name == "Ian Baker"
    assert best.rating is not None
    assert (round(best.rating.stars, 2), best.rating.count) == (4.33, 3)


def test_pages_cut_the_same_order(sqlite_database: Database, town: Town) -> None:
    everything = names(search(sqlite_database, Search(page_size=50)))
    pages = [
        name
        for page in range(1, 5)
        for name in names(search(sqlite_database, Search(page=page, page_size=2)))
    ]
    assert pages == everything


def _more_people(database: Database, town: Town, count: int) -> None:
    def add(session: Any) -> None:
        for number in range(count):
            person = factories.practitioner(session, f"Person {number}")
            hours = [Weekly(number % 5, 540, 600)]
            factories.schedule(session, town.hospital, practitioner_id=person.id, hours=hours)

    database.run(add)


@pytest.mark.parametrize("order", list(Order))
def test_the_number_of_statements_does_not_grow_with_the_results(
    database: Database, statements: Callable[[Database], Any], order: Order
) -> None:
    town = build_town(database)
    network = Directory()
    counts = []
    for more in (0, 30):
        _more_people(database, town, more)
        wanted = Search(order=order, page_size=50)
        search(database, wanted, network)  # the names are read once a version
        with statements(database) as counted:
            search(database, wanted, network)
        counts.append(counted.count)
    assert counts[0] == counts[1] <= 5, counted.texts


# The matching itself


@given(st.text(max_size=60))
def test_any_text_can_be_searched_for(text: str) -> None:
    index: Index[int] = Index()
    index.add(1, [Text("name", "Royal Randwick Hospital")])
    found = index.search({"": text})
    assert all(match.key == 1 for match in found.found)
    assert folded(folded(text)) == folded(text)
    assert len(words(text)) <= 12


@given(st.permutations(["royal", "prince", "alfred", "hospital"]))
def test_word_order_does_not_matter(order: list[str]) -> None:
    index: Index[str] = Index()
    index.add("rpa", [Text("name", "Royal Prince Alfred Hospital")])
    index.add("pow", [Text("name", "Prince of Wales Hospital")])
    assert index.search({"": " ".join(order)}).found[0].key == "rpa"


def test_an_exact_word_counts_more_than_a_part(sqlite_database: Database, town: Town) -> None:
    sqlite_database.run(
        lambda session: factories.centre(session, "Princely Care", type="Pharmacy", suburb="Coogee")
    )
    assert names(search(sqlite_database, Search(text="prince", kinds=frozenset({"centre"}))))[
        0
    ] == ("Prince of Wales Hospital")


def test_services_are_found_with_the_centre_and_the_practitioner_who_offer_them(
    sqlite_database: Database, town: Town
) -> None:
    def offer(session: Session) -> int:
        usual = factories.offered_service(session, None, "Consultation", minutes=30)
        vaccination = factories.offered_service(session, None, "Flu vaccination", minutes=10)
        inside = factories.offered_service(
            session, None, "Peer review", minutes=30, bookable_by=BookableBy.COLLEAGUES
        )
        factories.offer(session, town.gp_at_hospital, usual, vaccination, inside)
        return vaccination.id

    vaccination = sqlite_database.run(offer)
    found = search(sqlite_database, Search(text="flu vaccination"))
    assert sorted(names(found)) == ["Prince of Wales Hospital", "Samuel Jackson"]
    for result in found.items:
        assert {(slot.schedule_id, slot.service_id) for slot in result.slots} == {
            (town.gp_at_hospital, vaccination)
        }
    assert search(sqlite_database, Search(text="peer review")).total == 0


@pytest.mark.parametrize(
    ("said", "professions"),
    [
        ("headache", ["GP"]),
        ("a doctor who speaks Spanish", ["GP"]),
        ("broken arm", ["GP"]),
        ("my ear", ["Audiologist", "GP"]),
        ("kids", ["GP"]),
        ("dr", ["GP"]),
        ("anxiety", ["Psychologist"]),
        ("mental health", ["Psychologist"]),
        ("back pain", ["Physiotherapist"]),
        ("toothache", ["Dentist"]),
        ("eye test", ["Optometrist"]),
        ("pregnant", ["Midwife"]),
        ("skin check", ["GP"]),
        ("I need a blood test", ["Pathologist"]),
    ],
)
def test_what_patients_say_leads_to_who_can_help(
    sqlite_database: Database, said: str, professions: list[str]
) -> None:
    def found_town(session: Session) -> None:
        centre = factories.centre(session, "Health Centre").id
        for number, profession in enumerate(WHO_HELPS):
            spoken = "English, Spanish" if profession == "GP" else "English"
            person = factories.practitioner(
                session, f"Person {number}", profession, languages=spoken
            )
            factories.schedule(session, centre, practitioner_id=person.id)

    sqlite_database.run(found_town)
    found = search(sqlite_database, Search(text=said, kinds=frozenset({"practitioner"})))
    assert sorted({result.entry.subtitle for result in found.items}) == professions
    assert found.corrected is None
    assert not found.wider
    assert all(result.slots for result in found.items), "with times, since nothing was guessed"


WHO_HELPS = (
    "GP",
    "Audiologist",
    "Psychologist",
    "Physiotherapist",
    "Dentist",
    "Optometrist",
    "Midwife",
    "Pathologist",
    "Pharmacist",
)


def test_filters_combine_and_show_only_times_of_what_passes(
    sqlite_database: Database, town: Town
) -> None:
    def set_up(session: Any) -> tuple[int, int]:
        known = factories.offered_service(
            session, town.clinic, "Follow-up", bookable_by=BookableBy.KNOWN
        )
        call = factories.offered_service(session, town.clinic, "Phone call", mode=Mode.TELEPHONE)
        factories.offer(session, town.gp_at_clinic, known, call)
        schedule = session.get_one(Schedule, town.gp_at_hospital)
        set_hours(work(session, SYSTEM, NOW), schedule.id, [Weekly(0, 16 * 60, 19 * 60)])
        for key, gender, languages in (
            (town.gp, Gender.FEMALE, "English, Hindi"),
            (town.physio, Gender.MALE, "Hindi"),
        ):
            person = session.get_one(Practitioner, key)
            person.gender, person.languages = gender, languages
            mark_changed(session, "practitioner", key)
        return known.id, call.id

    known, call = sqlite_database.run(set_up)
    network = Directory()

    def shown(**filters: Any) -> dict[str, set[tuple[int, int | None]]]:
        times = {name: filters.pop(name) for name in ("when", "evening") if name in filters}
        wanted = Search(filters=Filters(**filters), **times, kinds=frozenset({"practitioner"}))
        return {
            one.entry.name: {(slot.schedule_id, slot.service_id) for slot in one.slots}
            for one in search(sqlite_database, wanted, network).items
        }

    gp, physio = "Samuel Jackson", "Ian Baker"
    assert set(shown(gender=Gender.FEMALE)) == {gp}
    assert set(shown(language="hindi")) == {gp, physio}
    assert set(shown(language="Hindi", gender=Gender.MALE)) == {physio}
    assert shown(mode=Mode.TELEPHONE) == {gp: {(town.gp_at_clinic, call)}}
    assert shown(mode=Mode.TELEPHONE, gender=Gender.MALE) == {}
    assert shown(mode=Mode.VIDEO) == {}
    assert known not in {service for _, service in shown(new_patients=True)[gp]}
    assert shown(evening=True) == {gp: {(town.gp_at_hospital, None)}}
    assert shown(evening=True, when=When.WEEK) == {gp: {(town.gp_at_hospital, None)}}
    assert shown(evening=True, mode=Mode.TELEPHONE) == {}
    centres = search(
        sqlite_database, Search(text="gp", filters=Filters(gender=Gender.MALE)), network
    )
    assert names(centres) == []
    choices = sqlite_database.read(network.fresh).choices
    assert choices.languages == ("English", "Hindi")
    assert choices.genders == (Gender.FEMALE, Gender.MALE)
    assert choices.modes == (Mode.IN_PERSON, Mode.TELEPHONE)
