"""Types of single fields, for pydantic models: what people type, cleaned and checked.

Every refusal is a sentence that says what to enter.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from openslot.core.errors import Invalid


class Details(BaseModel):
    """Base of what commands are given: unknown fields are refused, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refuse(sentence: str) -> PydanticCustomError:
    """The error to raise in a validator."""
    return PydanticCustomError("refused", sentence)


def first_problem(error: ValidationError) -> Invalid:
    """The first refusal of ``error`` as a domain error that names the field."""
    field, sentence = problems(error)[0]
    return Invalid(sentence, field=field)


def problems(error: ValidationError) -> list[tuple[str, str]]:
    """(field, sentence) of each refusal."""
    return [
        (".".join(str(part) for part in item["loc"]), _sentence(item["type"], item["msg"]))
        for item in error.errors()
    ]


_SENTENCES = {
    "missing": "Fill in this field.",
    "extra_forbidden": "This field is not known here.",
    "date_from_datetime_parsing": "Enter a date such as 31 March 1980.",
    "date_parsing": "Enter a date such as 1980-03-31.",
    "int_parsing": "Enter a whole number.",
    "float_parsing": "Enter a number such as -33.92.",
    "less_than_equal": "Enter a smaller number.",
    "greater_than_equal": "Enter a larger number.",
    "enum": "Choose one of the list.",
    "literal_error": "Choose one of the list.",
}


def _sentence(kind: str, message: str) -> str:
    return message if kind == "refused" else _SENTENCES.get(kind, "Check this field.")


def _blank_to_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _clean(value: str, *, lines: bool) -> str:
    """Composed (NFC), trimmed, without characters that cannot be seen or stored."""
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n"))
    kept = "\n" if lines else ""
    if any(unicodedata.category(char) in ("Cc", "Cs", "Cn") and char not in kept for char in text):
        raise refuse("Take out characters that cannot be seen, such as tabs.")
    return text.strip() if lines else " ".join(text.split())


def _line(longest: int, *, lines: bool = False) -> Callable[[str], str]:
    def check(value: str) -> str:
        text = _clean(value, lines=lines)
        if not text:
            raise refuse("Fill in this field.")
        if len(text) > longest:
            raise refuse(f"Shorten this to {longest} characters.")
        return text

    return check


def _email(value: str) -> str:
    try:
        return validate_email(
            value.strip(), check_deliverability=False, test_environment=True
        ).normalized.lower()
    except EmailNotValidError:
        raise refuse("Enter an e-mail address such as name@example.com.") from None


def _phone(value: str) -> str:
    text = _clean(value, lines=False)
    if not re.fullmatch(r"\+?[\d ()/.-]{3,30}", text, re.ASCII) or not re.search(r"\d{3}", text):
        raise refuse("Enter a telephone number such as 02 9382 1111.")
    return text


def _web_address(value: str) -> str:
    text = value.strip()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > 500:
        raise refuse("Enter an address that begins with https://.")
    return text


@cache
def known_zones() -> frozenset[str]:
    """The names of all time zones; the list is read from the disk once."""
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in known_zones():
        raise refuse("Choose a time zone such as Australia/Sydney.")
    return value


Blank = BeforeValidator(_blank_to_none)
"""Makes an optional field None where nothing but blanks was typed."""

Name = Annotated[str, AfterValidator(_line(200))]
Line = Annotated[str, AfterValidator(_line(100))]
ShortLine = Annotated[str, AfterValidator(_line(40))]
Text = Annotated[str, AfterValidator(_line(2000, lines=True))]
LongText = Annotated[str, AfterValidator(_line(10_000, lines=True))]
Email = Annotated[str, AfterValidator(_email)]
Phone = Annotated[str, AfterValidator(_phone)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
ZoneName = Annotated[str, AfterValidator(_zone)]
OptionalName = Annotated[Name | None, Blank]
OptionalLine = Annotated[Line | None, Blank]
OptionalShortLine = Annotated[ShortLine | None, Blank]
OptionalText = Annotated[Text | None, Blank]
OptionalEmail = Annotated[Email | None, Blank]
OptionalPhone = Annotated[Phone | None, Blank]
OptionalWebAddress = Annotated[WebAddress | None, Blank]
OptionalZone = Annotated[ZoneName | None, Blank]
