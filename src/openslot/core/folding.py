"""Keys by which texts that people write differently are found and compared: names, telephone
numbers and other numbers. They are the same for every entry point and on every engine.

A model keeps a key beside its text: ``name_key: Mapped[str | None] = key_of("name", folded, 400)``.
"""

import re
import unicodedata
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import phonenumbers
from sqlalchemy import Column, ColumnElement, String, and_, event, false, or_, true
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column

from openslot.core.encryption import Blind

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘`´ʻʼʾʿʹʽ′＇"))
"""Signs that people leave out of names, or type in another way."""

_LETTERS = str.maketrans(
    dict(zip("đðħıĸłŋøŧə", "ddhiklnote", strict=True))
    | {"æ": "ae", "œ": "oe", "þ": "th"}
    | {"\u0640": ""}  # Arabic tatweel, which only stretches a word
)
"""Letters that Unicode does not decompose."""

_NUMBER = re.compile(r"[+\d\s()./\-\u2010-\u2015]{3,}")


def folded(text: str) -> str:
    """Return the words of a text in lower case, without accents and apostrophes.

    Every other character that is not a letter or digit separates words, and becomes one space.
    """
    # Twice: decomposing can yield a capital, and casefolding a composed character.
    lower = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    plain = "".join(map(_kept, unicodedata.normalize("NFKD", lower))).translate(_LETTERS)
    return " ".join(plain.split())


def _kept(character: str) -> str:
    kind = unicodedata.category(character)
    if kind[0] in "LN":
        return character
    if kind[0] == "M":  # Vowel signs of Indian scripts belong to the word; accents do not.
        return "" if unicodedata.combining(character) else character
    return "" if kind == "Cf" else " "


def same_name(one: str, other: str) -> bool:
    """Return whether two names are the same however they are written: accents, apostrophes, hyphens
    and the order of the words do not matter."""
    words, others = folded(one).split(), folded(other).split()
    return sorted(words) == sorted(others) or "".join(words) == "".join(others)


def within_name(one: str, other: str) -> bool:
    """Return whether all words of one of the names are in the other: Ana Silva, Ana Silva Costa."""
    words, others = set(folded(one).split()), set(folded(other).split())
    return bool(words and others) and (words <= others or others <= words)


def compact(number: str) -> str:
    """Return the letters and digits of an identifying number. Capitals remain: they may matter."""
    return "".join(filter(str.isalnum, western(number)))


def western(number: str) -> str:
    """Return the number with the digits 0 to 9 in place of those of other scripts."""
    return "".join(
        str(unicodedata.decimal(character)) if character.isdecimal() else character
        for character in unicodedata.normalize("NFKC", number)
    )


def phone_key(number: str) -> str:
    """Return the digits of a telephone number without the prefixes of country and trunk, so that
    it is the same however it was written for callers at home or abroad."""
    text, *_extension = re.split(r"(?i)\s*(?:ext|x)", western(number))
    text = re.sub(r"^\s*00[\s.-]*(?=[1-9])", "+", text)
    if text.lstrip().startswith("+"):
        try:
            return str(phonenumbers.parse(text).national_number)
        except phonenumbers.NumberParseException:
            pass
    return "".join(filter(str.isdecimal, text)).lstrip("0")


def mobile(number: str, region: str, countries: Collection[str]) -> str | None:
    """Return a mobile number of one of the countries in the form of E.164, which every provider of
    text messages takes; None for all others. ``region`` is where it is dialled without a code."""
    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return None
    is_mobile = phonenumbers.number_type(parsed) in _MOBILE and not parsed.extension
    if not is_mobile or phonenumbers.region_code_for_number(parsed) not in countries:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


_MOBILE = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        # Of some countries, such as the United States, no number says which it is.
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    }
)


def is_number(text: str) -> bool:
    """Return whether a search text is a telephone or other number, or part of one."""
    return bool(_NUMBER.fullmatch(text.strip())) and sum(map(str.isdecimal, text)) >= 3


MOST_WORDS = 12
"""Largest number of words of a search text; each is compared with each row."""


def has_words(text: str, *columns: Any) -> ColumnElement[bool]:
    """Return the condition that each of the first MOST_WORDS of ``text`` is in some column, however
    it is written. A text that is a number is looked for as a whole."""
    words = [text] if is_number(text) else text.split()[:MOST_WORDS]
    return and_(true(), *(or_(*(has_part(column, word) for column in columns)) for word in words))


def has_part(column: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that a column contains ``text``, however it is written; an encrypted one
    as a whole."""
    _, key, make = keyed(column)
    part = make(text)
    if not part:
        return false()
    has: ColumnElement[bool] = (
        key == part if isinstance(key.type, Blind) else key.contains(part, autoescape=True)
    )
    return has


def is_text(column: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that a column equals ``text``, however it is written."""
    _, key, make = keyed(column)
    same: ColumnElement[bool] = key == make(text)
    return same


def begins_word(column: Any, text: str) -> ColumnElement[bool]:
    """Return the condition that a word of a column begins with ``text``, however it is written."""
    _, key, make = keyed(column)
    start = make(text)
    begins = key.startswith(start, autoescape=True) | key.contains(f" {start}", autoescape=True)
    return begins if start else false()


class Keyed(NamedTuple):
    """A column with its key, and the function that makes the key of a text."""

    text: Any
    key: Any
    make: Callable[[str], str]


def keyed(column: Any) -> Keyed:
    """Return a column of a model with its key. A column without one has to be in lower case, as
    email addresses are, and is its own."""
    if isinstance(column, Keyed):
        return column
    return column.info.get("keyed") or Keyed(column, column, str.lower)


def key_of(
    source: str, make: Callable[[str], str], length: int, *, blind: bool = False
) -> Mapped[str | None]:
    """Return the column of a key that ``make`` makes of the column ``source``, on every insert and
    whenever the attribute is set. Of an encrypted one it is ``blind``, a hash."""

    def default(context: DefaultExecutionContext) -> str | None:
        return _key(context.get_current_parameters().get(source), make, length)  # type: ignore[no-untyped-call]

    kind = Blind(length) if blind else String(length)
    return mapped_column(kind, default=default, info={"key of": (source, make, length)})


def key_for(column: Column[Any], text: str) -> str | None:
    """Return what the column of a key has beside a text."""
    _, make, length = column.info["key of"]
    return _key(text, make, length)


def _key(text: str | None, make: Callable[[str], str], length: int) -> str | None:
    return make(text)[:length] if text else None


@event.listens_for(Mapper, "after_mapper_constructed")
def _follow_sources(mapper: Mapper[Any], entity: type[DeclarativeBase]) -> None:
    for column in mapper.columns:
        if "key of" in column.info:
            source, make, length = column.info["key of"]
            text = getattr(entity, source)
            text.info["keyed"] = Keyed(text, getattr(entity, column.key), make)
            _follow(entity, source, column.key, make, length)


def _follow(
    entity: type[DeclarativeBase], source: str, key: str, make: Callable[[str], str], length: int
) -> None:
    @event.listens_for(getattr(entity, source), "set")
    def on_set(row: DeclarativeBase, text: str | None, _old: object, _event: object) -> None:
        setattr(row, key, _key(text, make, length))
