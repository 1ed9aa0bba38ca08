"""Field types for pydantic models, which clean and check what people type.

Every error message says what to enter.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema

from openslot.core.births import UNREADABLE, BirthDate
from openslot.core.errors import Invalid
from openslot.core.folding import compact, western


class Details(BaseModel):
    """Base of the input of commands: immutable, and without unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def refuse(sentence: str, **params: object) -> PydanticCustomError:
    """Return the error to raise in a validator. ``params`` fill the places of the sentence after
    translation."""
    return PydanticCustomError("refused", "{sentence}", {"sentence": sentence, "params": params})


def refused(refusal: PydanticCustomError, *, field: str) -> Invalid:
    """Return what :func:`refuse` made as a domain error, for who checks a field by hand."""
    context = refusal.context or {}
    return Invalid(context["sentence"], field=field, **context["params"])


def first_problem(error: ValidationError) -> Invalid:
    """Return the first problem of ``error`` as a domain error that names the field."""
    item = error.errors(include_url=False, include_input=False)[0]
    sentence, params = _sentence(item)
    return Invalid(sentence, field=_field(item), **params)


def problems(error: ValidationError, say: Callable[[str], str] = str) -> list[tuple[str, str]]:
    """Return (field, sentence) for each problem; ``say`` translates."""
    return [(field, say(sentence).format(**params)) for field, sentence, params in unsaid(error)]


def unsaid(error: ValidationError) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return for each problem its field, its sentence before translation, and what fills the
    places of the sentence."""
    items = error.errors(include_url=False, include_input=False)
    return [(_field(item), *_sentence(item)) for item in items]


def _field(problem: ErrorDetails) -> str:
    return ".".join(str(part) for part in problem["loc"])


SENTENCES = {
    "missing": "Fill in this field.",
    "extra_forbidden": "This field is not recognised.",
    "string_type": "Enter text, in quotes.",
    "string_unicode": "Enter text, in quotes.",
    "bool_type": "Enter true or false.",
    "bool_parsing": "Enter true or false.",
    "list_type": "Enter a list, in square brackets.",
    "tuple_type": "Enter a list, in square brackets.",
    "set_type": "Enter a list, in square brackets.",
    "frozen_set_type": "Enter a list, in square brackets.",
    "too_short": "Enter at least {min_length}.",
    "too_long": "Enter at most {max_length}.",
    "string_too_long": "Shorten this to {max_length} characters.",
    "string_pattern_mismatch": "Enter text that matches {pattern}.",
    "multiple_of": "Enter a multiple of {multiple_of}.",
    "mapping_type": "Enter fields with their values, in braces.",
    "dict_type": "Enter fields with their values, in braces.",
    "model_type": "Enter fields with their values, in braces.",
    "model_attributes_type": "Enter fields with their values, in braces.",
    "dataclass_type": "Enter fields with their values, in braces.",
    "date_type": "Enter a date such as 1980-03-31.",
    "date_from_datetime_inexact": "Enter a date such as 1980-03-31.",
    "date_from_datetime_parsing": "Enter a date such as 1980-03-31.",
    "date_parsing": "Enter a date such as 1980-03-31.",
    "uuid_type": "Enter an id, in quotes.",
    "uuid_parsing": "Enter an id such as 6f1c2a34-5b6d-4e7f-8a9b-0c1d2e3f4a5b.",
    "int_type": "Enter a whole number.",
    "int_parsing": "Enter a whole number.",
    "int_parsing_size": "Enter a smaller number.",
    "int_from_float": "Enter a whole number.",
    "float_type": "Enter a number such as -33.92.",
    "float_parsing": "Enter a number such as -33.92.",
    "finite_number": "Enter a number such as -33.92.",
    "less_than": "Enter a smaller number.",
    "less_than_equal": "Enter a smaller number.",
    "greater_than": "Enter a larger number.",
    "greater_than_equal": "Enter a larger number.",
    "enum": "Choose an option from the list.",
    "literal_error": "Choose an option from the list.",
}
"""What to say of an error of pydantic, by its type."""

UNKNOWN = "Check this field."


def _sentence(problem: ErrorDetails) -> tuple[str, Mapping[str, Any]]:
    """Return the sentence, before translation, and what fills its places."""
    params = problem.get("ctx", {})
    if problem["type"] == "refused":
        return params["sentence"], params["params"]
    return SENTENCES.get(problem["type"], UNKNOWN), params


_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_UNSEEN = re.compile(rf"[{_CONTROLS}\ud800-\udfff]")

_INVISIBLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\u2800\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufff8\ufffe\uffff"
)
"""Characters that are pasted along with a text: marks that do not show or turn its direction,
fillers, and what only one font or program knows."""

_PASTED = re.compile(f"[{_INVISIBLE}]")
_JOINERS = r"\u200c\u200d"
_LOOSE_JOINERS = re.compile(rf"(?<!\S)[{_JOINERS}]+|[{_JOINERS}]+(?!\S)")
"""Joiners at the edge of a word. Inside one they belong to it, in Persian, Hindi and emoji."""


def pasted(text: str) -> str:
    """Return the text without the invisible marks that are pasted along with it."""
    return _LOOSE_JOINERS.sub("", _PASTED.sub("", text))


def composed(text: str) -> str:
    """Return the text in normal form C, in which all texts are stored: keyboards and files
    write an accented letter as one character or as two, and texts are compared byte by byte."""
    return unicodedata.normalize("NFC", text)


@dataclass(frozen=True, slots=True)
class Prose:
    """A text field: normalised to NFC, without what is pasted along, trimmed, and of at most
    ``longest`` printable characters.

    Runs of spaces in a single line become one space. A text with ``lines`` keeps its spaces and
    line breaks, and tabs become spaces. A blank ``optional`` text becomes None. The JSON Schema
    has the same rules.
    """

    longest: int
    lines: bool = False
    optional: bool = False

    def check(self, value: str | None) -> str | None:
        """Return the text as it is stored, or raise the problem."""
        if value is None:
            return None
        text = composed(re.sub("\r\n?", "\n", value))
        if self.lines:
            text = re.sub("[\u2028\u2029]", "\n", text.replace("\t", " "))
            if _UNSEEN.search(text.replace("\n", "")):
                raise refuse("Remove characters that cannot be seen.")
        elif _UNSEEN.search(text):
            raise refuse("Remove characters that cannot be seen, such as tabs.")
        if len(text) > self.longest:
            raise refuse("Shorten this to {longest} characters.", longest=self.longest)
        text = pasted(text)
        text = text.strip() if self.lines else " ".join(text.split())
        if not text and not self.optional:
            raise refuse("Fill in this field.")
        return text or None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check the value after pydantic has checked its type."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the same rules as a JSON Schema."""
        controls = (
            _CONTROLS.replace(r"-\x1f", r"-\x08\x0b\x0c\x0e-\x1f") if self.lines else _CONTROLS
        )
        printable = f"[^{controls}]*"
        pattern = (
            f"^{printable}$"
            if self.optional
            else rf"^{printable}[^\s{_CONTROLS}{_INVISIBLE}{_JOINERS}]{printable}$"
        )
        text = {"type": "string", "maxLength": self.longest, "pattern": pattern}
        return {"anyOf": [text, {"type": "null"}]} if self.optional else text


@dataclass(frozen=True)
class Visible(Prose):
    """A line of which something can be seen: not only marks, or characters of a private font."""

    def check(self, value: str | None) -> str | None:
        """Return the text as it is stored, or raise the problem."""
        text = super().check(value)
        if text and not any(unicodedata.category(character)[0] in "LNPS" for character in text):
            raise refuse("Enter a name that can be read.")
        return text


_ROUNDED = re.compile(r"\d([.,]\d+)?e\+\d{1,3}|\d[.,]\d+e\d{1,3}", re.IGNORECASE)

SPREADSHEET_ERROR = re.compile(r"#(N/A|NAME\?|(REF|VALUE|NUM|NULL|SPILL|CALC|DIV/0)!)|Err:\d{3}")
"""What spreadsheets write in place of a value that they could not work out."""


def _check_digits(text: str) -> str:
    """Return a number that identifies something, or refuse one that a spreadsheet shortened."""
    if _ROUNDED.fullmatch("".join(unicodedata.normalize("NFKC", text).split())):
        raise refuse(
            "A spreadsheet shortened this number and lost digits. Format the cell as text and "
            "enter the whole number."
        )
    return text


@dataclass(frozen=True)
class Number(Prose):
    """A line with a number that identifies something, in any form but a rounded one."""

    def check(self, value: str | None) -> str | None:
        """Return the text as it is stored, or raise the problem."""
        text = super().check(value)
        if text and (SPREADSHEET_ERROR.fullmatch(text) or not compact(text)):
            raise refuse("There is no number here. A spreadsheet may have lost it.")
        return text and _check_digits(text)


def address_key(typed: str) -> str:
    """Return an email address as it is stored and compared: trimmed, in normal form C and lower
    case, without ``mailto:`` and invisible marks."""
    text = pasted(typed).strip().replace("\uff20", "@").replace("\ufe6b", "@")
    return composed(re.sub("(?i)^mailto:", "", text)).lower()


def _email(value: str) -> str:
    try:
        return address_key(
            validate_email(
                address_key(value), check_deliverability=False, test_environment=True
            ).normalized
        )
    except EmailNotValidError:
        raise refuse("Enter an email address such as name@example.com.") from None


_PHONE = r"^\+?[0-9 ()/.-]*[0-9]{3}[0-9 ()/.-]*( ext\. [0-9]{1,6})?$"
_PHONE_LENGTH = 31
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_EXTENSION = re.compile(r"(?i)[\s,;]*(?:extension|ext\.?|x)[\s:.=]*(\d{1,6})$")


def _phone(value: str) -> str:
    plain = western(_DASHES.sub("-", pasted(_check_digits(value)))).strip()
    number = _EXTENSION.sub(r" ext. \1", re.sub("(?i)^tel:", "", plain))
    text = " ".join(number.split())
    if len(text) > _PHONE_LENGTH or not re.search(_PHONE, text):
        raise refuse("Enter a telephone number such as 02 9382 1111.")
    return text


def _web_address(value: str) -> str:
    text = pasted(value).strip()
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or len(text) > 500:
        raise refuse("Enter an address that begins with https://.")
    return text


@cache
def known_zones() -> frozenset[str]:
    """Return the names of all time zones; they are read from the disk once."""
    return frozenset(available_timezones())


def _zone(value: str) -> str:
    if value not in known_zones():
        raise refuse("Choose a time zone such as Australia/Sydney.")
    return value


_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII
)
FIRST_YEAR, LAST_YEAR = 1900, 2200
"""Years outside these are typing mistakes, and not every time zone can represent them."""

BETWEEN = "Enter a date between {first} and {last}."


def written(pattern: re.Pattern[str], sentence: str) -> BeforeValidator:
    """Return a validator that reads a date or an instant in this form only: pydantic would take
    a number as seconds since 1970."""

    def read(value: object) -> object:
        if isinstance(value, date):
            return value
        text = value.strip().upper() if isinstance(value, str) else ""
        if not pattern.fullmatch(text):
            raise refuse(sentence)
        try:
            moment = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
        except ValueError:
            raise refuse(sentence) from None
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise refuse(BETWEEN, first=FIRST_YEAR, last=LAST_YEAR)
        return moment

    return BeforeValidator(read)


class BlankIsNone:
    """Metadata of an optional field: a blank text becomes None."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read the value before pydantic checks it."""
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the field's JSON Schema, which also allows a blank text."""
        field_schema = handler(schema)
        blank = {"type": "string", "pattern": r"^\s*$"}
        return {"anyOf": [blank, *field_schema.get("anyOf", [field_schema])]}

    @staticmethod
    def read(value: object) -> object:
        """Return None for a blank text, else the value."""
        return None if isinstance(value, str) and not value.strip() else value


Blank = BlankIsNone()

Instant = Annotated[
    AwareDatetime,
    written(_INSTANT, "Enter a date and time with offset, such as 2027-03-08T09:00:00+11:00."),
]
"""An RFC 3339 instant; the offset is required."""

Day = Annotated[date, written(_DAY, "Enter a date such as 1980-03-31.")]


def _birth(value: object) -> BirthDate:
    if isinstance(value, BirthDate):
        return value
    try:
        birth = BirthDate(value if isinstance(value, date) else str(value).strip())
    except ValueError:
        example = "31 March 1980" if value == UNREADABLE else "1980-03-31"
        raise refuse(
            "Enter a date such as {example}, or only the year, or month and year. "
            "Write years with four digits.",
            example=example,
        ) from None
    if not FIRST_YEAR <= birth.first.year <= LAST_YEAR:
        raise refuse(BETWEEN, first=FIRST_YEAR, last=LAST_YEAR)
    return birth


Birth = Annotated[
    BirthDate,
    PlainValidator(_birth),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^(19[0-9]{2}|20[0-9]{2}|21[0-9]{2}|2200)"
            r"(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$",
        }
    ),
]
"""A date of birth, or only its year or month; pages also accept it in words and local notation."""

InstantOrDay = Annotated[
    AwareDatetime | date,
    written(
        re.compile(f"{_DAY.pattern}|{_INSTANT.pattern}", re.ASCII),
        "Enter a date such as 2027-03-08, or a date and time such as 2027-03-08T09:00:00+11:00.",
    ),
]

_PHONE_SCHEMA = WithJsonSchema({"type": "string", "maxLength": _PHONE_LENGTH, "pattern": _PHONE})

Name = Annotated[str, Visible(200)]
Line = Annotated[str, Prose(100)]
ShortLine = Annotated[str, Prose(40)]
Text = Annotated[str, Prose(2000, lines=True)]
LongText = Annotated[str, Prose(10_000, lines=True)]
Email = Annotated[
    str,
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": 254}),
]
Phone = Annotated[str, AfterValidator(_phone), _PHONE_SCHEMA]
WebAddress = Annotated[
    str,
    AfterValidator(_web_address),
    WithJsonSchema({"type": "string", "format": "uri", "maxLength": 500}),
]
ZoneName = Annotated[str, AfterValidator(_zone)]
OptionalName = Annotated[str | None, Visible(200, optional=True)]
OptionalLine = Annotated[str | None, Prose(100, optional=True)]
OptionalShortLine = Annotated[str | None, Prose(40, optional=True)]
OptionalNumber = Annotated[str | None, Number(40, optional=True)]
OptionalText = Annotated[str | None, Prose(2000, lines=True, optional=True)]
OptionalLongText = Annotated[str | None, Prose(10_000, lines=True, optional=True)]
OptionalEmail = Annotated[Email | None, Blank]
OptionalPhone = Annotated[Phone | None, Blank]
OptionalWebAddress = Annotated[WebAddress | None, Blank]
OptionalZone = Annotated[ZoneName | None, Blank]
