"""Searches: conditions from parameters, and pages of rows.

A page starts after the last row of the one before, so that no row is lost or repeated when others
are added or removed. The number of statements does not depend on the number of results.
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
"""All resources by name."""

Sort = tuple[str, bool]
"""A parameter, and whether it is descending."""

MOST_INCLUDED = 1000
"""Maximum number of rows that a _revinclude adds."""


@dataclass(frozen=True, slots=True)
class Term:
    """A parsed parameter like ``patient:Patient.name:exact=a,b``.

    ``inner`` is the modifier of the chained parameter.
    """

    sent: str
    name: str
    modifier: str
    chained: str
    values: tuple[str, ...]
    inner: str = ""


@dataclass(frozen=True, slots=True)
class Include:
    """An ``_include`` or ``_revinclude``: source, parameter and target kind."""

    source: str
    parameter: str
    target: str = ""
    reverse: bool = False
    iterate: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search.

    ``applied`` are the parameters of the self link, ``ignored`` those that changed nothing.
    ``elements`` are the only ones to show of each match, if there are any.
    """

    terms: tuple[Term, ...] = ()
    count: int = 50
    after: str | None = None
    sort: tuple[Sort, ...] = ()
    includes: tuple[Include, ...] = ()
    applied: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    elements: frozenset[str] = frozenset()
    without_total: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A page of rows, with the total number and the cursor of the next page."""

    rows: Sequence[Any]
    total: int
    after: str | None = None
    applied: tuple[tuple[str, str], ...] = field(default=())


def conditions(
    resource: Kind, terms: Sequence[Term], resources: Resources, asked: Asked
) -> list[Condition]:
    """Return the conditions of all terms, each for any of its values; raise Malformed."""
    return [_condition(resource, term, resources, asked) for term in terms]


def _condition(resource: Kind, term: Term, resources: Resources, asked: Asked) -> Condition:
    parameter = parameter_of(resource, term.name)
    assert parameter is not None  # checked in asking.py
    if term.chained:
        return _chained(parameter, term, resources, asked)
    matches = [parameter.match(term.sent, value, term.modifier, asked) for value in term.values]
    any_match = or_(false(), *(match for match in matches if match is not None))
    return not_(func.coalesce(any_match, false())) if term.modifier == "not" else any_match


def parameter_of(resource: Kind, name: str) -> Parameter | None:
    """Return a parameter of the resource, or one that all resources have."""
    if isinstance(resource, Resource) and name == "_id":
        return ById(resource)
    if isinstance(resource, Resource) and name == "_lastUpdated":
        return Moment("When it was last changed.", resource.changed)
    return resource.parameters.get(name)


def known_parameters(resource: Kind) -> dict[str, Parameter]:
    """Return all parameters by name, sorted by name."""
    names = sorted({"_id", "_lastUpdated", *resource.parameters})
    parameters = {name: parameter_of(resource, name) for name in names}
    return {name: parameter for name, parameter in parameters.items() if parameter is not None}


class ById(Parameter):
    """The id of a resource."""

    def __init__(self, resource: Resource):
        super().__init__("The resource's id.", order=resource.key)
        self.resource = resource

    def match(self, _name: str, text: str, _modifier: str, _asked: Asked) -> Condition | None:
        """Match the row with the id."""
        key = self.resource.read_id(text)
        return None if key is None else self.resource.key == key


def _chained(parameter: Parameter, term: Term, resources: Resources, asked: Asked) -> Condition:
    """Match rows that refer to a visible row that matches the rest of the term."""
    assert isinstance(parameter, Reference)  # checked in asking.py
    by_target: list[ColumnElement[bool]] = [false()]
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
            by_target.append(column.in_(keys))
    return or_(*by_target)


def knows(resource: Kind | None, name: str) -> bool:
    """Return whether the resource is stored in tables and has the parameter."""
    return isinstance(resource, Resource) and parameter_of(resource, name) is not None


def takes(parameter: Parameter | None, modifier: str) -> bool:
    """Return whether the parameter exists and has the modifier, if one is given.

    The modifiers of references are the kinds that they refer to.
    """
    if isinstance(parameter, Reference):
        return modifier in ("", *parameter.targets)
    return parameter is not None and modifier in ("", *parameter.modifiers)


def _seen(resource: Resource, asked: Asked) -> list[Condition]:
    seen = resource.seen(asked.actor, asked.site.now)
    return [] if seen is None else [seen]


def run(
    session: Session, resource: Resource, query: Query, resources: Resources, asked: Asked
) -> Found:
    """Return a sorted page of matching rows and their total number.

    Takes two statements, and one more for resources with ``complete``.
    """
    total = count(session, resource, query, resources, asked)
    if query.count == 0:
        return Found((), total)
    rows, after = page(session, resource, query, resources, asked)
    return Found(rows, total, after)


def count(
    session: Session, resource: Resource, query: Query, resources: Resources, asked: Asked
) -> int:
    """Return the number of matching rows that the actor may see."""
    where = _where(resource, query, resources, asked)
    return session.scalar(select(func.count()).select_from(resource.rows).where(*where)) or 0


def page(
    session: Session, resource: Resource, query: Query, resources: Resources, asked: Asked
) -> tuple[Sequence[Any], str | None]:
    """Return a sorted page of matching rows, and the cursor of the next page if there is one."""
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
        .where(*_where(resource, query, resources, asked))
    )
    rows = session.execute(keyset.page(fitting, order, key, query.count + 1)).all()
    shown = rows[: query.count]
    after = cursors.write(shown[-1][: len(order)]) if len(rows) > query.count else None
    return _complete_rows(session, resource, [row[len(order) :] for row in shown]), after


def _where(resource: Resource, query: Query, resources: Resources, asked: Asked) -> list[Condition]:
    return [*conditions(resource, query.terms, resources, asked), *_seen(resource, asked)]


def whose(session: Session, resource: Resource, *where: Condition) -> set[UUID]:
    """Return the patients whose health records the matching rows belong to; one statement."""
    query = select(resource.whose).select_from(resource.rows).where(*where).distinct()
    return set(session.scalars(query))


def whose_fit(
    session: Session, resource: Resource, query: Query, resources: Resources, asked: Asked
) -> set[UUID]:
    """Return the same for all rows that match a search, on any page."""
    return whose(session, resource, *_where(resource, query, resources, asked))


def fetch(
    session: Session, resource: Resource, *where: Condition, asked: Asked, limit: int | None = None
) -> Sequence[Any]:
    """Return the matching rows that the actor may see, sorted by key."""
    query = select(*resource.entities).select_from(resource.rows).options(*resource.options)
    query = query.where(*where, *_seen(resource, asked)).order_by(resource.key).limit(limit)
    return _complete_rows(session, resource, session.execute(query).all())


def by_keys(
    session: Session, resource: Resource, keys: Sequence[Key], *, asked: Asked
) -> Sequence[Any]:
    """Return the rows with these keys that the actor may see."""
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
    """Return rows that refer to one of the keys, at most one more than MOST_INCLUDED."""
    column, _ = parameter.targets[kind]
    return fetch(session, resource, column.in_(keys), asked=asked, limit=MOST_INCLUDED + 1)


def _complete_rows(session: Session, resource: Resource, rows: Sequence[Any]) -> Sequence[Any]:
    complete_rows = [resource.make(*row) for row in rows]
    return resource.complete(session, complete_rows) if complete_rows else complete_rows


_LEAST: Mapping[type, Any] = {str: "", int: 0, date: date(1000, 1, 1)}
"""Values by which rows without a value are sorted; instants are never null."""


def _sorted_by(resource: Resource, name: str) -> Any:
    """Return the column that a search is sorted by, with a value in every row."""
    parameter = parameter_of(resource, name)
    assert parameter is not None  # checked in asking.py
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
    """Return the Python type of a column's values."""
    python_type: type = getattr(column.type, "impl", column.type).python_type
    return python_type


def no_modifier(name: str) -> Malformed:
    """Return the error for an unknown modifier; ignoring it would find more than requested."""
    return Malformed("The modifier of {name} is not supported.", field=name[:60], name=name[:60])


def no_such(name: str, resource: Kind) -> Malformed:
    """Return the error for an unknown parameter, with those that the resource has."""
    return Malformed(
        "The search parameter {name} is unknown. {kind} has: {known}.",
        field=name,
        name=name,
        kind=resource.name,
        known=", ".join(known_parameters(resource)),
    )
