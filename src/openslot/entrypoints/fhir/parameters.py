"""Search parameters by type (https://hl7.org/fhir/R4/search.html)."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openslot.booking.queries import Condition
from openslot.core.errors import Malformed
from openslot.core.fields import address_key
from openslot.core.folding import Keyed, begins_word, has_part, is_text, keyed, phone_key
from openslot.entrypoints.fhir import dates
from openslot.entrypoints.fhir.codes import Codes, names_of
from openslot.entrypoints.fhir.elements import target_of
from openslot.entrypoints.fhir.queries import any_of, birth_days, never
from openslot.entrypoints.fhir.resource import Asked, Parameter

LONGEST = 500


def read_number(text: str) -> int | None:
    """Parse an id of the directory; return None if it cannot be one."""
    plain = text.isascii() and text.isdigit() and len(text) < 10 and not text.startswith("0")
    return int(text) if plain else None


class Text(Parameter):
    """Text in columns, matched from the start of a word, without regard to case and accents."""

    kind = "string"
    modifiers = frozenset({"exact", "contains"})

    def __init__(self, about: str, *columns: Any):
        self.columns = tuple(map(keyed, columns))
        super().__init__(about, order=self.columns[0].text)

    def match(self, _name: str, text: str, modifier: str, _asked: Asked) -> Condition | None:
        """Match the start of a word; with a modifier, the whole text or any part."""
        found: Condition | None = None
        for column in self.columns:
            condition = self._of(column, text, modifier)
            found = condition if found is None else found | condition
        return found

    def cost(self, text: str) -> int:
        """Return the cost: each row is compared character by character, in each column."""
        return _cost_of_words(text, self.columns)

    def _of(self, column: Keyed, text: str, modifier: str) -> Condition:
        if modifier == "exact":
            equal: Condition = column.text == text
            return equal
        return has_part(column, text) if modifier == "contains" else begins_word(column, text)


class PartOfName(Text):
    """The family name, which is the last word of a name, or a given name, which is any other."""

    def __init__(self, about: str, column: Any, *, family: bool):
        super().__init__(about, column)
        self.order, self.family = None, family

    def _of(self, column: Keyed, text: str, modifier: str) -> Condition:
        if modifier == "exact":
            where, words, start = column.text, text, "(^| )"
        else:
            where, words = column.key, column.make(text)
            start = "" if modifier == "contains" else "(^| )"
        if not words.strip():
            never_matches: Condition = never()
            return never_matches
        rest = "" if modifier == "exact" else "[^ ]*"
        end = f"{rest}$" if self.family else f"{rest} [^ ]"
        found: Condition = where.regexp_match(f"{start}{re.escape(words)}{end}")
        return found


class Email(Parameter):
    """An email address, whole; it has no system."""

    def __init__(self, about: str, column: Any):
        super().__init__(about)
        self.column = column

    def match(self, _name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """Match the address. A plus that an address line turned into a blank is one again."""
        same: Condition = self.column == address_key(text).replace(" ", "+")
        return same


class Phone(Parameter):
    """A telephone number, whole, with the country's prefix or without."""

    def __init__(self, about: str, column: Any):
        super().__init__(about)
        self.column = column

    def match(self, _name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """Match the number, however it is written."""
        number = f"+{text[1:]}" if text.startswith(" ") else text
        return is_text(self.column, number) if phone_key(number) else None


class Contact(Parameter):
    """An email address or a telephone number, or only one of them if the system says so."""

    def __init__(self, about: str, *, email: Any, phone: Any):
        super().__init__(about)
        self.by_system = {"email": Email(about, email), "phone": Phone(about, phone)}

    def match(self, name: str, text: str, modifier: str, asked: Asked) -> Condition | None:
        """Match the address or number."""
        system, value = split(text)
        found: Condition | None = None
        for known, parameter in self.by_system.items():
            condition = parameter.match(name, value, modifier, asked)
            if condition is not None and system in (None, known):
                found = condition if found is None else found | condition
        return found


def split(text: str) -> tuple[str | None, str]:
    """Split a token into system and code; None means any system, an empty text no system."""
    system, bar, code = text.rpartition("|")
    return (system if bar else None), code


class Code(Parameter):
    """A code that is stored in a column; case does not matter, as people write the codes.

    ``also`` has the columns of further systems of this network, ``others`` the systems of others:
    columns that have their codes, or with their codes by what the column has.
    """

    modifiers = frozenset({"not"})

    def __init__(
        self,
        about: str,
        *columns: Any,
        system: str,
        also: Mapping[str, Sequence[Any]] | None = None,
        others: Mapping[str, Sequence[tuple[Any, Codes | None]]] | None = None,
    ):
        super().__init__(about, order=columns[0])
        self.columns = columns
        self.own = {system: columns, **(also or {})}
        self.others = others or {}

    def match(self, _name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """Match the code in its system, or in any if the system is left out."""
        system, code = split(text)
        conditions: list[Condition] = [
            column.ilike(_escaped(code), escape="\\")
            for own, columns in self.own.items()
            if system is None or system in asked.site.systems(own)
            for column in columns
        ]
        conditions += [
            column.ilike(_escaped(name), escape="\\")
            for other, columns in self.others.items()
            if system in (None, other)
            for column, codes in columns
            for name in ([code] if codes is None else names_of(code, codes))
        ]
        found: Condition | None = any_of(conditions)
        return found

    def cost(self, text: str) -> int:
        """Return the cost: each row is compared character by character, in each column."""
        columns = [column for columns in self.own.values() for column in columns]
        return _cost_of_words(text, columns)


def _cost_of_words(text: str, columns: Sequence[Any]) -> int:
    return len(columns) * max(10, len(text))


def _escaped(text: str) -> str:
    """Escape the text for LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


class Choice(Parameter):
    """A code from a FHIR value set, which stands for values of a column."""

    modifiers = frozenset({"not"})

    def __init__(self, about: str, column: Any, system: str, values: Mapping[str, Sequence[Any]]):
        super().__init__(about)
        self.column, self.system, self.values = column, system, values

    def match(self, name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """Match the values of the code, or raise Malformed for an unknown code."""
        values = self.chosen(name, text)
        return None if values is None else self.column.in_(values)

    def chosen(self, name: str, text: str) -> Sequence[Any] | None:
        """Return the values of the code, or None for another system; raise Malformed."""
        system, code = split(text)
        if code not in self.values:
            raise Malformed(
                "Send {name} as one of: {codes}.",
                field=name,
                name=name,
                codes=", ".join(self.values),
            )
        return self.values[code] if system in (None, self.system) else None


def flag(about: str, column: Any) -> Choice:
    """Return a parameter for a boolean column."""
    system = "http://terminology.hl7.org/CodeSystem/special-values"
    return Choice(about, column, system, {"true": (True,), "false": (False,)})


class Identified(Parameter):
    """An identifier; ``find`` returns a condition for a system and a number.

    Without a number, it matches all numbers of the system.
    """

    def __init__(self, about: str, find: Callable[[str | None, str], Condition | None]):
        super().__init__(about)
        self.find = find

    def match(self, _name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """Match the number, in the system if one is given."""
        system, code = split(text)
        return self.find(system, code) if code or system else None


class Moment(Parameter):
    """An instant."""

    kind = "date"

    def __init__(self, about: str, column: Any):
        super().__init__(about, order=column)
        self.column = column

    def match(self, name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """Match the instants of the date and its prefix."""
        return self._any(dates.read(name, text, asked.zone).periods())

    def _any(self, periods: Sequence[tuple[Any, Any]]) -> Condition | None:
        found: Condition | None = None
        for low, high in periods:
            condition = self.column >= low if low is not None else self.column.is_not(None)
            if high is not None:
                condition = condition & (self.column < high)
            found = condition if found is None else found | condition
        return found


class BirthDay(Parameter):
    """A date of birth; one that is known by month or year is all of its days."""

    kind = "date"

    def __init__(self, about: str, column: Any):
        self.column, self.first, self.last = birth_days(column)
        super().__init__(about, order=self.column)

    def match(self, name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """Match births all of whose days are in the date and its prefix."""
        found: Condition | None = None
        for low, high in dates.read(name, text, asked.zone).periods():
            condition = self.column.is_not(None)
            if low is not None:
                condition = self.first >= low.date().isoformat()
            if high is not None:
                condition = condition & (self.last < high.date().isoformat())
            found = condition if found is None else found | condition
        return found


class Reference(Parameter):
    """A reference to another resource.

    ``targets`` has for each kind the column with its key, and a parser of keys. ``path`` is the
    element that shows the reference, for _include.
    """

    kind = "reference"

    def __init__(
        self,
        about: str,
        targets: Mapping[str, tuple[Any, Callable[[str], Any]]],
        *,
        path: Sequence[str] = (),
    ):
        super().__init__(about)
        self.targets, self.path = targets, tuple(path)

    def match(self, _name: str, text: str, modifier: str, asked: Asked) -> Condition | None:
        """Match the key in the reference, of the kind that it or the modifier gives."""
        kind, key_text = target_of(text, asked.site.base)
        kind = kind or modifier
        found: Condition | None = None
        for target, (column, read_key) in self.targets.items():
            key = read_key(key_text) if kind in ("", target) else None
            if key is not None:
                condition = column == key
                found = condition if found is None else found | condition
        return found
