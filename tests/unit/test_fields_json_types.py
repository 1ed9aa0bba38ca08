"""Values of a wrong JSON type are answered with what to enter."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from openslot.core.fields import (
    Birth,
    Email,
    Instant,
    Name,
    OptionalNumber,
    OptionalText,
    Phone,
    WebAddress,
    ZoneName,
    problems,
)


class _Kind(StrEnum):
    ONE = "one"


class _Part(BaseModel):
    name: Name


class _Everything(BaseModel):
    name: Name
    note: OptionalText
    number: OptionalNumber
    phone: Phone
    email: Email
    site: WebAddress
    zone: ZoneName
    born: Birth
    day: date
    at: Instant
    on: bool
    count: Annotated[int, Field(ge=1, lt=9)]
    share: float
    kind: _Kind
    fixed: Literal["a"]
    key: UUID
    part: _Part
    parts: list[_Part]
    pair: Annotated[tuple[int, ...], Field(min_length=1, max_length=2)]
    minutes: Annotated[int, Field(multiple_of=5)]
    code: Annotated[str, StringConstraints(max_length=3, pattern=r"^[a-z]+$")]
    several: frozenset[str]
    other: Mapping[str, int]


WRONG: list[object] = [
    None,
    True,
    5,
    -1,
    10**30,
    1.5,
    float("nan"),
    "",
    "x",
    "\ud800",
    [],
    ["x"],
    {},
]


@pytest.mark.parametrize("field", _Everything.model_fields)
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_each_refusal_says_what_to_enter(field: str, value: object) -> None:
    try:
        _Everything.model_validate({field: value})
    except ValidationError as error:
        own = [sentence for name, sentence in problems(error) if name.split(".")[0] == field]
        assert "Check this field." not in own


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("name", 5, "Enter text, in quotes."),
        ("phone", 491570156, "Enter text, in quotes."),
        ("on", "perhaps", "Enter true or false."),
        ("on", [], "Enter true or false."),
        ("count", 1.5, "Enter a whole number."),
        ("parts", "x", "Enter a list, in square brackets."),
        ("part", "x", "Enter fields with their values, in braces."),
        ("pair", [], "Enter at least 1."),
        ("pair", [1, 2, 3], "Enter at most 2."),
        ("minutes", 7, "Enter a multiple of 5."),
        ("code", "a b", "Enter text that matches ^[a-z]+$."),
        ("code", "abcd", "Shorten this to 3 characters."),
        (
            "number",
            "5.10045E+10",
            "A spreadsheet shortened this number and lost digits. Format the "
            "cell as text and enter the whole number.",
        ),
        ("number", "#####", "There is no number here. A spreadsheet may have lost it."),
        ("number", "#N/A", "There is no number here. A spreadsheet may have lost it."),
    ],
)
def test_what_a_refusal_says(field: str, value: object, sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _Everything.model_validate({field: value})
    assert (field, sentence) in problems(refused.value)
