"""Searches: what was asked for as conditions, and its rows page by page.

Pages go on behind the last row that was shown, so that they are complete and without doubles
while rows come and go. The number of statements does not depend on the number of results.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, false, func, not_, or_, select
from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.core import keyset
from openslot.core.errors import Malformed
from openslot.entrypoints import cursors
from openslot.entrypoints.fhir.parameters import Moment, Reference
from openslot.entrypoints.fhir.resource import Asked, Key, Kind, Parameter, Resource

Resources = Mapping[str, Kind]
"""Every resource by name."""

Sort = tuple[str, bool]
"""A parameter, and whether it is descending."""

MOST_INCLUDED = 1000
"""Rows of one kind that _revinclude adds at most."""


@dataclass(frozen=True, slots=True)
class Term:
    """One parameter as it was sent: ``patient:Patient.name:exact=a,b``; ``inner`` is the
    modifier behind the chain."""

    sent: str
    name: str
    modifier: str
    chained: str
    values: tuple[str, ...]
    inner: str = ""


@dataclass(frozen=True, slots=True)
class Include:
    """``_include`` or ``_revinclude``: source, parameter, and the kind that is wanted."""

    source: str
    parameter: str
    target: str = ""
    reverse: bool = False
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A search as it was understood. ``applied`` are the parameters of the self link."""

    terms: tuple[Term, ...] = ()
    count: int = 50
    after: str | None = None
    sort: tuple[Sort, ...] = ()
    includes: tuple[Include, ...] = ()
    applied: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows: how many there are in all, and the place where the next page begins."""

    rows: Sequence[Any]
    total: int
    after: str | None = None
    applied: tuple[tuple[str, str], ...] = field(default=())


def conditions(
    resource: Kind, terms: Sequence[Term], resources: Resources, asked: Asked
) -> list[Condition]:
    """What rows must fulfil: every term, and one value of each. Malformed for bad values."""
    return [_condition(resource, term, resources, asked) for term in terms]


def _condition(resource: Kind, term: Term, resources: Resources, asked: Asked) -> Condition:
    parameter = parameter_of(resource, term.name)
    assert parameter is not None  # asking.py let nothing else through
    if term.chained:
        return _chained(parameter, term, resources, asked)
    found = [parameter.match(term.sent, value, term.modifier, asked) for value in term.values]
    fits = or_(false(), *(one for one in found if one is not None))
    return not_(func.coalesce(fits, false())) if term.modifier == "not" else fits


def parameter_of(resource: Kind, name: str) -> Parameter | None:
    """A parameter of the resource's own, or one of those that all have."""
    if isinstance(resource, Resource) and name == "_id":
        return ById(resource)
    if isinstance(resource, Resource) and name == "_lastUpdated":
        return Moment("When it was changed last.", resource.changed)
    return resource.parameters.get(name)


def known_parameters(resource: Kind) -> dict[str, Parameter]:
    """Every parameter by name, in order."""
    names = sorted({"_id", "_lastUpdated", *resource.parameters})
    found = {name: parameter_of(resource, name) for name in names}
    return {name: parameter for name, parameter in found.items() if parameter is not None}


class ById(Parameter):
    """The id itself."""

    def __init__(self, resource: Resource):
        super().__init__("The resource's id.", order=resource.key)
        self.resource = resource

    def match(self, _name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """The row with the id."""
        key = self.resource.read_id(text)
        return None if key is None else self.resource.key == key


def _chained(parameter: Parameter, term: Term, resources: Resources, asked: Asked) -> Condition:
    """Rows that refer to one that the rest of the term fits, as far as the reader sees those."""
    assert isinstance(parameter, Reference)  # asking.py let nothing else through
    found: list[ColumnElement[bool]] = [false()]
    for kind, (column, _) in parameter.targets.items():
        target = resources.get(kind)
        if (
            term.modifier in ("", kind)
            and isinstance(target, Resource)
            and takes(parameter_of(target, term.chained), term.inner)
        ):
            inner = replace(term, name=term.chained, chained="", modifier=term.inner)
            keys = (
                select(target.key)
                .select_from(target.rows)
                .where(_condition(target, inner, resources, asked), *_seen(target, asked))
                .correlate(None)
            )
            found.append(column.in_(keys))
    return or_(*found)


def knows(resource: Kind | None, name: str) -> bool:
    """Whether a resource that stands in tables has the parameter."""
    return isinstance(resource, Resource) and parameter_of(resource, name) is not None


def takes(parameter: Parameter | None, modifier: str) -> bool:
    """Whether there is such a parameter, and it has the modifier, if one is given; modifiers of
    references are the kinds that they refer to."""
    if isinstance(parameter, Reference):
        return modifier in ("", *parameter.targets)
    return parameter is not None and modifier in ("", *parameter.modifiers)


def _seen(resource: Resource, asked: Asked) -> list[Condition]:
    seen = resource.seen(asked.actor, asked.site.now)
    return [] if seen is None else [seen]


def run(
    session: Session, resource: Resource, query: Query, resources: Resources, asked: Asked
) -> Found:
    """A page of what fits, in the order asked for, and how many fit in all: two statements, and
    one more where the resource needs it."""
    wanted = [*conditions(resource, query.terms, resources, asked), *_seen(resource, asked)]
    total = session.scalar(select(func.count()).select_from(resource.rows).where(*wanted)) or 0
    if query.count == 0:
        return Found((), total)
    columns = [*(_sorted_by(resource, name) for name, _ in query.sort), resource.key]
    descends = [*(down for _, down in query.sort), False]
    order = [
        column.desc() if down else column for column, down in zip(columns, descends, strict=True)
    ]
    key = None if query.after is None else _read_cursor(query.after, columns)
    fitting = (
        select(*columns, *resource.entities)
        .select_from(resource.rows)
        .options(*resource.options)
        .where(*wanted)
    )
    rows = session.execute(keyset.page(fitting, order, key, query.count + 1)).all()
    shown = rows[: query.count]
    after = cursors.write(shown[-1][: len(order)]) if len(rows) > query.count else None
    return Found(_made(session, resource, [row[len(order) :] for row in shown]), total, after)


def whose(session: Session, resource: Resource, *where: Condition) -> set[UUID]:
    """The patients to whose histories the rows that fit belong; one statement."""
    query = select(resource.whose).select_from(resource.rows).where(*where).distinct()
    return set(session.scalars(query))


def whose_fit(
    session: Session, resource: Resource, query: Query, resources: Resources, asked: Asked
) -> set[UUID]:
    """The same for all that fits a search, whatever its page."""
    wanted = conditions(resource, query.terms, resources, asked)
    return whose(session, resource, *wanted, *_seen(resource, asked))


def fetch(
    session: Session,
    resource: Resource,
    *where: Condition,
    asked: Asked,
    limit: int | None = None,
) -> Sequence[Any]:
    """The rows that fit and that the reader may see."""
    query = select(*resource.entities).select_from(resource.rows).options(*resource.options)
    query = query.where(*where, *_seen(resource, asked)).order_by(resource.key).limit(limit)
    return _made(session, resource, session.execute(query).all())


def by_keys(
    session: Session, resource: Resource, keys: Sequence[Key], *, asked: Asked
) -> Sequence[Any]:
    """The rows with these keys that the reader may see."""
    return fetch(session, resource, resource.key.in_(keys), asked=asked) if keys else ()


def referring(
    session: Session,
    resource: Resource,
    parameter: Reference,
    kind: str,
    keys: Sequence[Key],
    *,
    asked: Asked,
) -> Sequence[Any]:
    """The rows that refer to one of the keys: at most MOST_INCLUDED, and one that says so."""
    column, _ = parameter.targets[kind]
    return fetch(session, resource, column.in_(keys), asked=asked, limit=MOST_INCLUDED + 1)


def _made(session: Session, resource: Resource, rows: Sequence[Any]) -> Sequence[Any]:
    made = [resource.make(*row) for row in rows]
    return resource.complete(session, made) if made else made


_LEAST: Mapping[type, Any] = {
    str: "",
    int: 0,
    date: date(1000, 1, 1),
}
"""Where rows without a value stand in an order. Every instant has one."""


def _sorted_by(resource: Resource, name: str) -> Any:
    """Return the column that a search is sorted by, with a value in every row."""
    parameter = parameter_of(resource, name)
    assert parameter is not None  # asking.py let nothing else through
    column = parameter.order
    least = _LEAST.get(_kind(column))
    return column if least is None else func.coalesce(column, least)


def _read_cursor(text: str, columns: Sequence[Any]) -> list[Any]:
    readers = [_READERS.get(_kind(column), str) for column in columns]
    return cursors.read(text, *readers, field="_after")


_READERS: Mapping[type, Callable[[str], Any]] = {
    date: date.fromisoformat,
    datetime: cursors.instant,
    int: int,
    UUID: UUID,
}


def _kind(column: Any) -> type:
    """The Python type of a column's values."""
    found: type = getattr(column.type, "impl", column.type).python_type
    return found


def no_modifier(name: str) -> Malformed:
    """What is said of a parameter with a modifier that it does not have, whatever is preferred:
    without it more would be found than was asked for."""
    return Malformed("{name} has no such modifier.", field=name[:60], name=name[:60])


def no_such(name: str) -> Malformed:
    """What is said of a parameter that nothing here knows."""
    return Malformed("There is no search parameter {name} here.", field=name, name=name)
