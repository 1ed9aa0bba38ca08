"""Declarations of resources, from which they are searched, read and described."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from openslot.booking.models import Appointment
from openslot.booking.queries import Condition
from openslot.booking.slots import Booker
from openslot.core.actor import Actor
from openslot.core.work import Work
from openslot.entrypoints.fhir.elements import Json, Site
from openslot.entrypoints.rules import Rule

Key = Any
"""Key of a row: an integer or a UUID."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The context of a search: address and time, time zone, and actor.

    With a ``booker``, only slots that they can book for their patient are free; with an appointment
    that is ``moving``, those to which it can move; ``in_emergency`` also those that are kept free,
    where the actor books emergencies.
    """

    site: Site
    zone: ZoneInfo
    actor: Actor
    booker: Booker | None = None
    moving: Appointment | None = None
    in_emergency: bool = False


class Parameter:
    """A search parameter: its FHIR type, description, and the condition of a value."""

    kind = "token"
    modifiers: frozenset[str] = frozenset()
    descends = True
    """Whether it can be sorted in descending order."""

    def __init__(self, about: str, *, order: Any = None):
        self.about, self.order = about, order

    def match(self, name: str, text: str, modifier: str, asked: Asked) -> Condition | None:
        """Return the condition of a value, or None if no row can match; raise Malformed."""
        raise NotImplementedError

    def cost(self, text: str) -> int:  # noqa: ARG002 - all keys cost the same
        """Return the cost of a value, relative to a comparison with a key."""
        return 1


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that is stored in tables.

    - ``rows``: the joined tables that ``parameters`` use.
    - ``entities``: the columns or models read from them, with their loading ``options``.
    - ``make``: joins several entities into one row.
    - ``complete``: reads what a join cannot, in one statement.
    - ``show``: returns the JSON of a row.
    - ``read_id``: parses an id into a ``key``.
    - ``rule``: the access rule; ``seen``: its condition for an actor.
    - ``gone``: returns whether there was such a row that the actor may know of.
    - ``whole``: like ``show``, for a single read, if searches show less.
    - ``opened``: audits a single read.
    - ``whose``: the column of the patient whose health record the rows belong to; reading them
      is audited, see histories.py.
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
    opened: Callable[[Work, Any, Asked], None] | None = None
    whose: Any = None
    interactions: frozenset[str] = frozenset({"read", "vread", "search-type"})
    operations: Mapping[str, str] = field(default_factory=dict)
    """Definitions of operations by code."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """A resource that is not stored; ``find`` and ``read`` compute it under the ``rule``."""

    name: str
    about: str
    rule: Rule
    parameters: Mapping[str, Parameter]
    show: Callable[[Any, Site], Json]
    find: Callable[..., Any]
    read: Callable[[Work, str, Asked], Any]
    interactions: frozenset[str] = frozenset({"read", "search-type"})


Kind = Resource | Computed


def by_anybody(_actor: Actor, _now: datetime) -> None:
    """Return no condition, as all rows are public; a ``seen`` of a resource."""
