"""Rule: names and numbers that people write differently have one key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.orm import Session

from factories import NOW
from openslot.core import folding
from openslot.core.db import Database
from openslot.directory.models import Patient, Practitioner
from openslot.directory.queries import new_diary


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("José García", "jose garcia"),
        ("JOSE\u0301 GARCI\u0301A", "jose garcia"),
        ("Niamh O’Brien", "niamh obrien"),
        ("Niamh O'Brien", "niamh obrien"),
        ("Niamh O´Brien", "niamh obrien"),
        ("ʻAkamu Kaʻahumanu", "akamu kaahumanu"),
        ("Øystein Łukasz Đặng", "oystein lukasz dang"),
        ("GROẞENHAIN Straße", "grossenhain strasse"),
        ("İzmir ırmak", "izmir irmak"),
        ("Anne‑Marie (Ana) von-der_Berg", "anne marie ana von der berg"),
        ("王小明", "王小明"),
        ("मीरा", "मीरा"),
        ("مُحَمَّد\u200c\u0640", "محمد"),
        ("ﬁona Ｓｍｉｔｈ", "fiona smith"),
        ("a\u00adb\u200bc", "abc"),
        ("…", ""),
    ],
)
def test_a_name_has_one_key(written: str, key: str) -> None:
    assert folding.folded(written) == key


@given(st.text())
def test_a_key_is_its_own_key(text: str) -> None:
    assert folding.folded(folding.folded(text)) == folding.folded(text)


@pytest.mark.parametrize(
    ("one", "other", "same", "within"),
    [
        ("Anne-Marie Silva", "SILVA, Anne Marie", True, True),
        ("Anne-Marie", "Annemarie", True, False),
        ("Ana Silva", "Ana Silva Costa", False, True),
        ("Ana Silva", "Ana Costa", False, False),
        ("", "Ana", False, False),
    ],
)
def test_names_are_compared_by_their_words(one: str, other: str, same: bool, within: bool) -> None:
    assert folding.same_name(one, other) is folding.same_name(other, one) is same
    assert folding.within_name(one, other) is folding.within_name(other, one) is within


@pytest.mark.parametrize(
    "number",
    [
        "0491 570 156",
        "0491570156",
        "491570156",
        "(0491) 570-156",
        "+61 491 570 156",
        "+61491570156",
        "+61 (0)491 570 156",
        "0061 491 570 156",
        "00 61 491 570 156",
        "0491 570 156 ext 5",
        "0491 570 156 x5",
        "٠٤٩١٥٧٠١٥٦",
    ],
)
def test_a_telephone_number_has_one_key(number: str) -> None:
    assert folding.phone_key(number) == "491570156"


def test_a_key_follows_its_text(sqlite_database: Database) -> None:
    """On an insert of many rows, on an object, and when it is changed."""

    def write(session: Session) -> None:
        diary = new_diary(session, "practitioner")
        row = {"name": "Zoë Łoś", "profession": "GP", "diary_id": diary}
        session.execute(insert(Practitioner), [row])
        practitioner = session.scalars(select(Practitioner)).one()
        assert practitioner.name_key == "zoe los"
        practitioner.name, practitioner.phone = "Noël", "+61 491 570 156"

    sqlite_database.run(write)
    keys = select(Practitioner.name_key, Practitioner.phone_key, Practitioner.provider_key)
    with sqlite_database.reading() as session:
        assert tuple(session.execute(keys).one()) == ("noel", "491570156", None)


NAMES = ("José García", "Niamh O’Brien", "Øystein Dahl", "王小明", "Ana_100%")


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        (folding.has_words("jose garcia", Patient.name), {"José García"}),
        (folding.has_words("GARC josé", Patient.name), {"José García"}),
        (folding.has_words("oystein", Patient.name), {"Øystein Dahl"}),
        (folding.has_words("小明", Patient.name), {"王小明"}),
        (folding.has_words("o’b", Patient.name), {"Niamh O’Brien"}),
        (folding.has_words("%", Patient.name), set()),
        (folding.has_words("", Patient.name), set(NAMES)),
        (folding.begins_word(Patient.name, "gar"), {"José García"}),
        (folding.begins_word(Patient.name, "arc"), set()),
        (folding.is_text(Patient.name, "NIAMH O'BRIEN"), {"Niamh O’Brien"}),
        (folding.has_words("0491 570", Patient.name, Patient.phone), {"José García"}),
        (folding.has_words("+61 491 570 156", Patient.name, Patient.phone), {"José García"}),
        (folding.has_words("jose 0491", Patient.name, Patient.phone), {"José García"}),
        (folding.has_words("2428 7781", Patient.medicare_number), set()),
        (folding.has_words("2428-77813-1", Patient.medicare_number), {"王小明"}),
        (folding.is_text(Patient.medicare_number, "2428778131"), {"王小明"}),
    ],
)
def test_texts_are_found_however_they_are_written(
    database: Database, condition: ColumnElement[bool], found: set[str]
) -> None:
    more = {"José García": {"phone": "0491 570 156"}, "王小明": {"medicare_number": "2428 77813 1"}}

    def write(session: Session) -> None:
        for name in NAMES:
            session.add(
                Patient(
                    name=name,
                    diary_id=new_diary(session, "patient"),
                    created_at=NOW,
                    **more.get(name, {}),
                )
            )

    database.run(write)
    with database.reading() as session:
        assert set(session.scalars(select(Patient.name).where(condition))) == found
