"""Reads what was asked for: the parameters of a search, checked against what there is."""

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
"""What a search may cost: a comparison with a key is 1, with words 10 or more in each column, an
order 10 and an _include 20. Fifty comparisons with words were half a second of 10,000 rows."""

_SORT, _INCLUDE = 10, 20

ABOUT_THE_ANSWER = frozenset({"_format", "_pretty"})
"""How the answer is written; said again with each request, so no part of a link."""

_NAME = re.compile(r"([A-Za-z_-]+)(?::([A-Za-z]+))?(?:\.([A-Za-z_-]+)(?::([A-Za-z]+))?)?", re.ASCII)

Pairs = Sequence[tuple[str, str]]


class TooCostly(Malformed):
    """{name} makes this search too costly. Ask with fewer parameters, or fewer or shorter values
    between commas, and make several searches of it.

    Raised before the search runs, so that others do not wait for it.
    """


def read(resource: Kind, pairs: Pairs, resources: Resources, *, strict: bool) -> Query:
    """The search that ``pairs`` ask for.

    Unknown parameters are left out, or, if ``strict``, Malformed; so are modifiers that the
    parameter does not have, and values that are none, in any case.
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
            "Shorten {name} to {longest} characters that can be seen.",
            field=name[:60],
            name=name[:60],
            longest=LONGEST,
        )


class _Reading:
    """What has been understood so far."""

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
        """Understand one parameter, and note that it was applied."""
        if name == "_count":
            self.count = _count(value)
        elif name == "_after":
            self.after = value
            return
        elif name == "_sort":
            taken = [sort for sort in map(self._sort, value.split(",")) if sort]
            self._spend(_SORT * len(taken), name)
            self.sort.extend(taken)
            value = ",".join(f"-{one}" if down else one for one, down in taken)
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
                "{name} cannot be asked: follow one reference at most.",
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
        known = [
            parameter_of(self.resources[kind], term.chained)
            for kind in kinds
            if knows(self.resources.get(kind), term.chained)
        ]
        self._spend(
            sum(one.cost(value) for one in known if one for value in term.values), term.sent
        )
        if any(takes(one, term.inner) for one in known):
            return term
        if known:
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
        way, _, modifier = name.partition(":")
        source, _, rest = value.partition(":")
        path, _, target = rest.partition(":")
        found = [
            Include(source, one, target, way == "_revinclude", modifier == "iterate")
            for one in ([path] if path != "*" else self._linking(source))
            if self._links(source, one, target, reverse=way == "_revinclude")
        ]
        if not found or modifier not in ("", "iterate", "recurse"):
            self._unknown(f"{name}={value}")
            return False
        fresh = [one for one in dict.fromkeys(found) if one not in self.includes]
        self._spend(_INCLUDE * len(fresh), name)
        self.includes.extend(fresh)
        return True

    def _linking(self, source: str) -> list[str]:
        known = self.resources.get(source)
        return list(known.parameters) if known else []

    def _links(self, source: str, path: str, target: str, *, reverse: bool) -> bool:
        known = self.resources.get(source)
        parameter = known.parameters.get(path) if known else None
        if not isinstance(parameter, Reference) or target not in ("", *parameter.targets):
            return False
        if reverse and not (knows(known, path) and self.resource.name in parameter.targets):
            return False
        return bool(parameter.path)


def _base(name: str) -> str:
    """The parameter that a name begins with, whatever comes behind it."""
    return re.split(r"[.:]", name, maxsplit=1)[0]


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Malformed("Give _count as a whole number such as 20.", field="_count")
    return min(int(value), MOST)


def _alternatives(value: str) -> tuple[str, ...]:
    """The values between commas; a backslash takes the comma after it into the value."""
    parts = re.findall(r"(?:[^\\,]|\\.|\\$)+", value)
    return tuple(re.sub(r"\\([,|$\\])", r"\1", part) for part in parts)
