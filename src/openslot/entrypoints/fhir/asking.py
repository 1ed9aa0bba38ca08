"""Parses search parameters and checks them against those that a resource has."""

import re
from collections.abc import Sequence
from enum import StrEnum

from openslot.core.errors import Malformed
from openslot.entrypoints.fhir import dates
from openslot.entrypoints.fhir.parameters import LONGEST, Reference
from openslot.entrypoints.fhir.resource import Kind
from openslot.entrypoints.fhir.search import (
    Include,
    Query,
    Resources,
    Term,
    knows,
    no_modifier,
    no_such,
    parameter_of,
    takes,
)
from openslot.entrypoints.rules import Rule

MOST = 200
MOST_TERMS = 50

BUDGET = 500
"""Maximum cost of a search: a comparison with a key is 1, with text at least 10 per column, a sort
order 10 and an _include 20. Fifty text comparisons took half a second for 10,000 rows."""

_SORT, _INCLUDE = 10, 20

ABOUT_THE_ANSWER = frozenset({"_format", "_pretty"})
"""Parameters about the format of the response; they are not repeated in links."""

_NAME = re.compile(r"([A-Za-z_-]+)(?::([A-Za-z]+))?(?:\.([A-Za-z_-]+)(?::([A-Za-z]+))?)?", re.ASCII)

_TOTALS = ("none", "estimate", "accurate")

Pairs = Sequence[tuple[str, str]]


class Handling(StrEnum):
    """What the client prefers for what is unknown (FHIR R4, ``Prefer: handling=…``)."""

    USUAL = ""
    STRICT = "strict"
    LENIENT = "lenient"


class TooCostly(Malformed):
    """{name} makes this search too expensive. Use fewer parameters, or fewer or shorter values, and
    split it into several searches.

    Raised before the search runs, so that it does not slow down other requests.
    """


def read(resource: Kind, pairs: Pairs, resources: Resources, handling: Handling) -> Query:
    """Return the search for these parameters.

    Unknown parameters raise Malformed if they are about people, as without them the answer would
    be about others too; elsewhere they are ignored and told. ``handling`` overrides both. Unknown
    modifiers, chains that cannot be followed and bad values always raise Malformed.
    """
    reading = _Reading(resource, resources, handling)
    if len(pairs) > MOST_TERMS:
        name = pairs[MOST_TERMS][0][:60]
        raise TooCostly(field=name, name=name)
    for name, value in pairs:
        if value and name not in ABOUT_THE_ANSWER:
            _check_text(name, value)
            reading.take(name, value)
    return reading.query()


def _check_text(name: str, value: str) -> None:
    if len(value) > LONGEST or not value.isprintable():
        raise Malformed(
            "Shorten {name} to {longest} visible characters.",
            field=name[:60],
            name=name[:60],
            longest=LONGEST,
        )


class _Reading:
    """The search as far as it has been parsed."""

    def __init__(self, resource: Kind, resources: Resources, handling: Handling):
        self.resource, self.resources = resource, resources
        self.strict = handling is Handling.STRICT
        about_people = resource.rule is not Rule.PUBLIC
        self.refuses = self.strict or (about_people and handling is not Handling.LENIENT)
        self.terms: list[Term] = []
        self.includes: list[Include] = []
        self.sort: list[tuple[str, bool]] = []
        self.applied: list[tuple[str, str]] = []
        self.left = BUDGET
        self.ignored: list[str] = []
        self.elements: frozenset[str] = frozenset()
        self.count = 50
        self.without_total = False
        self.after: str | None = None

    def query(self) -> Query:
        return Query(
            tuple(self.terms),
            self.count,
            self.after,
            tuple(self.sort),
            tuple(self.includes),
            tuple(self.applied),
            tuple(dict.fromkeys(self.ignored)),
            self.elements,
            self.without_total,
        )

    def _spend(self, cost: int, name: str) -> None:
        self.left -= cost
        if self.left < 0:
            raise TooCostly(field=name[:60], name=name[:60])

    def take(self, name: str, value: str) -> None:
        """Parse one parameter, and note it for the self link."""
        if name == "_count":
            value = str(_count(value))
            self.count = int(value) if self.count else 0
        elif name == "_after":
            self.after = value
            return
        elif name in ("_summary", "_elements", "_total"):
            if not self._shape(name, value):
                return
        elif name == "_sort":
            orders = [order for order in map(self._sort, value.split(",")) if order]
            self._spend(_SORT * len(orders), name)
            self.sort.extend(orders)
            value = ",".join(f"-{column}" if down else column for column, down in orders)
        elif name.partition(":")[0] in ("_include", "_revinclude"):
            if not self._include(name, value):
                return
        elif term := self._term(name, value):
            self.terms.append(term)
            value = dates.repaired(value)
        else:
            return
        if value:
            self.applied.append((name, value))

    def _shape(self, name: str, value: str) -> bool:
        """Parse what the answer is to contain, and return whether it has an effect."""
        if name == "_elements":
            self.elements |= frozenset(value.replace(" ", "").split(","))
        elif name == "_total":
            if value not in _TOTALS:
                raise _one_of(name, _TOTALS)
            self.without_total = value == "none"
        elif value == "count":
            self.count = 0
        elif value not in ("true", "text", "data", "false"):
            raise _one_of(name, ("count", "false"))
        elif value in ("true", "text"):
            self._leave_aside(f"{name}={value}")
            return False
        return True

    def _leave_aside(self, what: str) -> None:
        """Note what does not change which resources match; raise Malformed if strict."""
        if self.strict:
            raise no_such(what[:100], self.resource)
        self.ignored.append(what[:100])

    def _unknown(self, name: str) -> None:
        if self.refuses:
            raise no_such(name[:100], self.resource)
        self.ignored.append(name[:100])

    def _term(self, name: str, value: str) -> Term | None:
        match = _NAME.fullmatch(name)
        base, modifier, chained, inner = match.groups("") if match else (_base(name), "", "", "")
        parameter = parameter_of(self.resource, base)
        if base == "_has" or (parameter is None and "." in name):
            raise _not_followed(name)
        if parameter is None:
            self._unknown(name)
            return None
        if match is None:
            raise Malformed(
                "{name} is not supported: it follows more than one reference.",
                field=name[:60],
                name=name[:60],
            )
        values = _alternatives(value)
        if isinstance(parameter, Reference):
            term = Term(name, base, modifier, chained, values, inner)
            return self._reference(parameter, term)
        self._spend(sum(map(parameter.cost, values)), name)
        if chained or not takes(parameter, modifier):
            raise no_modifier(name)
        return Term(name, base, modifier, "", values)

    def _reference(self, parameter: Reference, term: Term) -> Term:
        if not takes(parameter, term.modifier):
            raise no_modifier(term.sent)
        if not term.chained:
            self._spend(len(term.values) * len(parameter.targets), term.sent)
            return term
        kinds = [term.modifier] if term.modifier else list(parameter.targets)
        targets = [
            parameter_of(self.resources[kind], term.chained)
            for kind in kinds
            if knows(self.resources.get(kind), term.chained)
        ]
        self._spend(
            sum(target.cost(value) for target in targets if target for value in term.values),
            term.sent,
        )
        if any(takes(target, term.inner) for target in targets):
            return term
        if targets:
            raise no_modifier(term.sent)
        raise _not_followed(term.sent)

    def _sort(self, text: str) -> tuple[str, bool] | None:
        name, down = text.removeprefix("-"), text.startswith("-")
        parameter = parameter_of(self.resource, name)
        if parameter is not None and parameter.order is not None and parameter.descends >= down:
            return name, down
        self._leave_aside(f"_sort={text}")
        return None

    def _include(self, name: str, value: str) -> bool:
        direction, _, modifier = name.partition(":")
        source, _, rest = value.partition(":")
        path, _, target = rest.partition(":")
        includes = [
            Include(source, parameter, target, direction == "_revinclude", modifier == "iterate")
            for parameter in ([path] if path != "*" else self._parameter_names(source))
            if self._links(source, parameter, target, reverse=direction == "_revinclude")
        ]
        if not includes or modifier not in ("", "iterate", "recurse"):
            self._leave_aside(f"{name}={value}")
            return False
        new = [include for include in dict.fromkeys(includes) if include not in self.includes]
        self._spend(_INCLUDE * len(new), name)
        self.includes.extend(new)
        return True

    def _parameter_names(self, source: str) -> list[str]:
        resource = self.resources.get(source)
        return list(resource.parameters) if resource else []

    def _links(self, source: str, path: str, target: str, *, reverse: bool) -> bool:
        resource = self.resources.get(source)
        parameter = resource.parameters.get(path) if resource else None
        if not isinstance(parameter, Reference) or target not in ("", *parameter.targets):
            return False
        if reverse and not (knows(resource, path) and self.resource.name in parameter.targets):
            return False
        return bool(parameter.path)


def _base(name: str) -> str:
    """Return the name of the parameter, without modifiers and chains."""
    return re.split(r"[.:]", name, maxsplit=1)[0]


def _not_followed(name: str) -> Malformed:
    """Return the error for a chain that cannot be followed; leaving it out would find more."""
    return Malformed(
        "{name} is not supported. Search in two steps.", field=name[:60], name=name[:60]
    )


def _one_of(name: str, values: Sequence[str]) -> Malformed:
    return Malformed(
        "Send {name} as one of: {values}.", field=name, name=name, values=", ".join(values)
    )


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Malformed("Send _count as a whole number, for example 20.", field="_count")
    return min(int(value), MOST)


def _alternatives(value: str) -> tuple[str, ...]:
    """Split a value at its commas; a backslash escapes a comma."""
    parts = re.findall(r"(?:[^\\,]|\\.|\\$)+", value)
    return tuple(re.sub(r"\\([,|$\\])", r"\1", part) for part in parts)
