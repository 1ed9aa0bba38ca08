"""Search parameters by type (https://hl7.org/fhir/R4/search.html)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from openslot.booking.queries import Condition
from openslot.core.errors import Malformed
from openslot.entrypoints.fhir import dates, folding
from openslot.entrypoints.fhir.resource import Asked, Parameter

LONGEST = 500


def read_number(text: str) -> int | None:
    """An id of the directory; None for what cannot be one."""
    plain = text.isascii() and text.isdigit() and len(text) < 10 and not text.startswith("0")
    return int(text) if plain else None


class Text(Parameter):
    """Words of columns that begin so; case and accents do not matter."""

    kind = "string"
    modifiers = frozenset({"exact", "contains"})

    def __init__(self, about: str, *columns: Any):
        super().__init__(about, order=columns[0])
        self.columns = columns

    def match(self, _name: str, text: str, modifier: str, _asked: Asked) -> Condition | None:
        """The value as the beginning of a word, the whole, or any part."""
        found: Condition | None = None
        for column in self.columns:
            one = self._of(column, text, modifier)
            found = one if found is None else found | one
        return found

    def cost(self, text: str) -> int:
        """Each row is compared sign by sign, in each column."""
        return _cost_of_words(text, self.columns)

    def _of(self, column: Any, text: str, modifier: str) -> Condition:
        if modifier == "exact":
            whole: Condition = column == text
            return whole
        pattern = folding.pattern(text)
        fits: Condition = column.regexp_match(
            pattern if modifier == "contains" else f"(^| ){pattern}"
        )
        return fits


def split(text: str) -> tuple[str | None, str]:
    """System and code of a token; None is any system, an empty one none."""
    system, bar, code = text.rpartition("|")
    return (system if bar else None), code


class Code(Parameter):
    """A code that a column holds as it is; case does not matter, as people write them."""

    modifiers = frozenset({"not"})

    def __init__(self, about: str, *columns: Any, system: str):
        super().__init__(about, order=columns[0])
        self.columns, self.system = columns, system

    def match(self, _name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """The code, in our system if one is said."""
        system, code = split(text)
        if system is not None and system != asked.site.system(self.system):
            return None
        found: Condition | None = None
        for column in self.columns:
            one = column.ilike(_escaped(code), escape="\\")
            found = one if found is None else found | one
        return found

    def cost(self, text: str) -> int:
        """Each row is compared sign by sign, in each column."""
        return _cost_of_words(text, self.columns)


def _cost_of_words(text: str, columns: Sequence[Any]) -> int:
    return len(columns) * max(10, len(text))


def _escaped(text: str) -> str:
    """The text as a pattern that only it fits."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


class Choice(Parameter):
    """A code of a list of FHIR's that stands for values of a column."""

    modifiers = frozenset({"not"})

    def __init__(self, about: str, column: Any, system: str, values: Mapping[str, Sequence[Any]]):
        super().__init__(about)
        self.column, self.system, self.values = column, system, values

    def match(self, name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """The code among those of the list."""
        values = self.chosen(name, text)
        return None if values is None else self.column.in_(values)

    def chosen(self, name: str, text: str) -> Sequence[Any] | None:
        """The values that the code stands for; None for one of another system."""
        system, code = split(text)
        if code not in self.values:
            raise Malformed(
                "Give {name} as one of: {codes}.",
                field=name,
                name=name,
                codes=", ".join(self.values),
            )
        return self.values[code] if system in (None, self.system) else None


def flag(about: str, column: Any) -> Choice:
    """True or false."""
    system = "http://terminology.hl7.org/CodeSystem/special-values"
    return Choice(about, column, system, {"true": (True,), "false": (False,)})


class Identified(Parameter):
    """An identifier: ``find`` gives the rows with the number in the system, and for no number
    those with any of that system."""

    def __init__(self, about: str, find: Callable[[str | None, str], Condition | None]):
        super().__init__(about)
        self.find = find

    def match(self, _name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """The number, in the system if one is said."""
        system, code = split(text)
        return self.find(system, code) if code or system else None


class Moment(Parameter):
    """An instant."""

    kind = "date"

    def __init__(self, about: str, column: Any):
        super().__init__(about, order=column)
        self.column = column

    def match(self, name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """The instants that the date and its prefix mean."""
        return self._any(dates.read(name, text, asked.zone).periods())

    def _any(self, periods: Sequence[tuple[Any, Any]]) -> Condition | None:
        found: Condition | None = None
        for low, high in periods:
            one = self.column >= low if low is not None else self.column.is_not(None)
            if high is not None:
                one = one & (self.column < high)
            found = one if found is None else found | one
        return found


class Day(Moment):
    """A calendar day, such as that of a birth."""

    def match(self, name: str, text: str, _modifier: str, asked: Asked) -> Condition | None:
        """The days that the date and its prefix mean."""
        given = dates.read(name, text, asked.zone)
        return self._any([(_day(low), _day(high)) for low, high in given.periods()])


def _day(at: Any) -> date | None:
    return None if at is None else at.date()


class Reference(Parameter):
    """A reference to one of ``targets``: kind by kind the column that holds the other's key and
    the way to read that key. ``path`` is where the resource shows it, for _include."""

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
        """The key that the reference names, of the kind that it or the modifier says."""
        own = text.removeprefix(f"{asked.site.base}/")
        kind, slash, key_text = own.rpartition("/")
        kind = kind if slash else modifier
        found: Condition | None = None
        for target, (column, read_key) in self.targets.items():
            key = read_key(key_text) if kind in ("", target) else None
            if key is not None:
                one = column == key
                found = one if found is None else found | one
        return found
