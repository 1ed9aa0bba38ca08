"""What a resource of ours is: declared once, and searched, read and described from that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.queries import Condition
from openslot.booking.whom import Booker
from openslot.directory.rules import Actor
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.rules import Rule

Key = Any
"""What the table is keyed by: a whole number or a UUID."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What parameters work with besides their values: who asks, when, and where; with a
    booker, free is what they can book for their patient."""

    site: Site
    zone: ZoneInfo
    actor: Actor
    booker: Booker | None = None


class Parameter:
    """A search parameter: its FHIR type, what it is about, and the condition of one value."""

    kind = "token"
    modifiers: frozenset[str] = frozenset()
    descends = True
    """Whether what is ordered by it can be read backwards."""

    def __init__(self, about: str, *, order: Any = None):
        self.about, self.order = about, order

    def match(self, name: str, text: str, modifier: str, asked: Asked) -> Condition | None:
        """The rows that fit a value; None where none can. Malformed for what is no value."""
        raise NotImplementedError

    def cost(self, text: str) -> int:  # noqa: ARG002 - a key costs the same whatever it is
        """What looking for a value costs, beside a comparison with a key."""
        return 1


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that stands in tables.

    ``rows`` are the joined tables that ``parameters`` speak of, ``entities`` what is read of them,
    with the ``options`` that fill it, ``make`` puts it together where it is several (and
    ``complete`` reads what a join cannot give, in one statement), ``show`` writes it down.
    ``read_id`` gives the ``key`` of an id; ``rule`` names who may know of which rows, ``seen``
    picks them, and ``gone`` tells whether there was one once that the actor might have known of.
    Where searches show less than there is, ``whole`` writes down what is read alone, and ``opened``
    notes that it is. ``whose`` is the column of the patient to whose history the rows belong:
    reading them leaves a trace, see histories.py.
    """

    name: str
    about: str
    rows: Any
    entities: Sequence[Any]
    key: Any
    read_id: Callable[[str], Key | None]
    changed: Any
    show: Callable[[Any, Site], Json]
    parameters: Mapping[str, Parameter]
    rule: Rule
    seen: Callable[[Actor, datetime], Condition | None]
    options: Sequence[Any] = ()
    make: Callable[..., Any] = field(default=lambda entity: entity)
    complete: Callable[[Session, Sequence[Any]], Sequence[Any]] = field(
        default=lambda _session, rows: rows
    )
    gone: Callable[[Session, Key, Asked], bool] = field(
        default=lambda _session, _key, _asked: False
    )
    whole: Callable[[Any, Site], Json] | None = None
    opened: Callable[[Session, Any, Asked], None] | None = None
    whose: Any = None
    interactions: frozenset[str] = frozenset({"read", "vread", "search-type"})
    operations: Mapping[str, str] = field(default_factory=dict)
    """Operations by code, and where each is defined."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """A resource that no table holds: ``find`` and ``read`` work it out, under the ``rule``."""

    name: str
    about: str
    rule: Rule
    parameters: Mapping[str, Parameter]
    show: Callable[[Any, Site], Json]
    find: Callable[..., Any]
    read: Callable[[Session, str, Asked], Any]
    interactions: frozenset[str] = frozenset({"read", "search-type"})


Kind = Resource | Computed


def by_anybody(_actor: Actor, _now: datetime) -> None:
    """For a resource's ``seen``: all rows, which are public."""
