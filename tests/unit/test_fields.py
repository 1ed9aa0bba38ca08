"""Types of fields: what is accepted is what their JSON Schema says, no more and no less."""

import json
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from openslot.core.fields import (
    Blank,
    Day,
    Instant,
    InstantOrDay,
    Name,
    OptionalPhone,
    Phone,
    Prose,
    problems,
)

LONGEST = 12
KINDS = {
    "line": Annotated[str, Prose(LONGEST)],
    "optional-line": Annotated[str | None, Prose(LONGEST, optional=True)],
    "lines": Annotated[str, Prose(LONGEST, lines=True)],
    "optional-lines": Annotated[str | None, Prose(LONGEST, lines=True, optional=True)],
}


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def documented(kind: Any, value: object) -> bool:
    # The end of a text is $ in JSON Schema; Python's $ also stands before a last new line.
    schema = json.dumps(TypeAdapter(kind).json_schema()).replace('$"', r"\\Z" + '"')
    return Draft202012Validator(json.loads(schema)).is_valid(value)


@pytest.mark.parametrize("name", KINDS)
@given(text=st.text(st.characters(codec="utf-8"), max_size=LONGEST + 2))
def test_a_text_is_accepted_just_where_its_schema_says(text: str, name: str) -> None:
    assume(len(unicodedata.normalize("NFC", text)) <= len(text))  # very few letters grow
    assume("\r\n" not in text)  # counts once, as the end of a line
    assert accepts(KINDS[name], text) == documented(KINDS[name], text)


@given(text=st.from_regex(r"[ +0-9()/.a-]{0,12}", fullmatch=True))
def test_a_phone_is_accepted_just_where_its_schema_says(text: str) -> None:
    assume(text == " ".join(text.split()))
    assert accepts(Phone, text) == documented(Phone, text)
    assert accepts(OptionalPhone, text) == documented(OptionalPhone, text)


@pytest.mark.parametrize("kind", [Instant, Day, InstantOrDay], ids=["instant", "day", "either"])
@pytest.mark.parametrize("value", ["0", "0.5", 0, 1.5, True, "now", "2027-02-29", "", None])
def test_what_is_no_date_is_never_taken_for_seconds(kind: Any, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    [(_, sentence)] = problems(refused.value)
    assert sentence.startswith("Enter a")


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Instant, "2027-03-08T09:00:00+11:00", datetime(2027, 3, 7, 22, tzinfo=UTC)),
        (Instant, "2027-03-08t09:00z", datetime(2027, 3, 8, 9, tzinfo=UTC)),
        (Instant, " 2027-03-08 09:00:00.5-00:30 ", datetime(2027, 3, 8, 9, 30, 0, 500_000, UTC)),
        (InstantOrDay, "2027-03-08T09:00:00Z", datetime(2027, 3, 8, 9, tzinfo=UTC)),
        (InstantOrDay, "2027-03-08", date(2027, 3, 8)),
        (Day, "2027-03-08", date(2027, 3, 8)),
    ],
)
def test_dates_and_instants_are_read_as_rfc_3339_writes_them(
    kind: Any, text: str, value: date
) -> None:
    assert TypeAdapter(kind).validate_python(text) == value
    assert TypeAdapter(kind).validate_python(value) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Instant, "2027-03-08T09:00:00"),
        (Instant, "2027-03-08"),
        (Instant, "0001-01-01T00:00:00+14:00"),
        (Instant, "9999-12-31T23:59:59-12:00"),
        (Day, "2027-03-08T00:00:00Z"),
        (Day, "1899-12-31"),
        (Day, "20270308"),
    ],
)
def test_times_without_an_offset_and_beyond_all_reach_are_refused(kind: Any, text: str) -> None:
    assert not accepts(kind, text)


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blanks_stand_for_nothing_and_the_schema_says_so(blank: str) -> None:
    kind = Annotated[int | None, Blank]
    assert TypeAdapter(kind).validate_python(blank) is None
    assert documented(kind, blank)
    assert not documented(kind, "x")


@pytest.mark.parametrize(
    "name", ["\U000e0041", "\U000f0000\U0010fffd", "\U0001d173", "\u0301", "\ufe0f"]
)
def test_a_name_that_nobody_can_see_is_refused(name: str) -> None:
    assert not accepts(Name, name)
    assert accepts(Name, f"{name}A")
