"""Parses search parameters and checks them against those that a resource has."""

import re
from collections.abc import Sequence

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

MOST = 200
MOST_TERMS = 50

BUDGET = 500
"""Maximum cost of a search: a comparison with a key is 1, with text at least 10 per column, a sort
order 10 and an _include 20. Fifty text comparisons took half a second for 10,000 rows."""

_SORT, _INCLUDE = 10, 20

ABOUT_THE_ANSWER = frozenset({"_format", "_pretty"})
"""Parameters about the format of the response; they are not repeated in links."""

_NAME = re.compile(r"([A-Za-z_-]+)(?::([A-Za-z]+))?(?:\.([A-Za-z_-]+)(?::([A-Za-z]+))?)?", re.ASCII)

Pairs = Sequence[tuple[str, str]]


class TooCostly(Malformed):
    """{name} makes this search too expensive. Use fewer parameters, or fewer or shorter values, and
    split it into several searches.

    Raised before the search runs, so that it does not slow down other requests.
    """


def read(resource: Kind, pairs: Pairs, resources: Resources, *, strict: bool) -> Query:
    """Return the search for these parameters.

    Unknown parameters are ignored or, if ``strict``, raise Malformed. Unknown modifiers and bad
    values always raise Malformed.
    """
    reading = _Reading(resource, resources, strict=strict)
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

    def __init__(self, resource: Kind, resources: Resources, *, strict: bool):
        self.resource, self.resources, self.strict = resource, resources, strict
        self.terms: list[Term] = []
        self.includes: list[Include] = []
        self.sort: list[tuple[str, bool]] = []
        self.applied: list[tuple[str, str]] = []
        self.left = BUDGET
        self.count = 50
        self.after: str | None = None

    def query(self) -> Query:
        return Query(
            tuple(self.terms),
            self.count,
            self.after,
            tuple(self.sort),
            tuple(self.includes),
            tuple(self.applied),
        )

    def _spend(self, cost: int, name: str) -> None:
        self.left -= cost
        if self.left < 0:
            raise TooCostly(field=name[:60], name=name[:60])

    def take(self, name: str, value: str) -> None:
        """Parse one parameter, and note it for the self link."""
        if name == "_count":
            self.count = _count(value)
        elif name == "_after":
            self.after = value
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

    def _unknown(self, name: str) -> None:
        if self.strict:
            raise no_such(name[:100])

    def _term(self, name: str, value: str) -> Term | None:
        match = _NAME.fullmatch(name)
        base, modifier, chained, inner = match.groups("") if match else (_base(name), "", "", "")
        parameter = parameter_of(self.resource, base)
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

    def _reference(self, parameter: Reference, term: Term) -> Term | None:
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
        self._unknown(term.sent)
        return None

    def _sort(self, text: str) -> tuple[str, bool] | None:
        name, down = text.removeprefix("-"), text.startswith("-")
        parameter = parameter_of(self.resource, name)
        if parameter is not None and parameter.order is not None and parameter.descends >= down:
            return name, down
        self._unknown(f"_sort={text}")
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
            self._unknown(f"{name}={value}")
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


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Malformed("Send _count as a whole number, for example 20.", field="_count")
    return min(int(value), MOST)


def _alternatives(value: str) -> tuple[str, ...]:
    """Split a value at its commas; a backslash escapes a comma."""
    parts = re.findall(r"(?:[^\\,]|\\.|\\$)+", value)
    return tuple(re.sub(r"\\([,|$\\])", r"\1", part) for part in parts)
