"""Rules for reports: who may see which figures, and the days that they cover."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from openslot.core.actor import Actor, Role
from openslot.core.errors import Forbidden, NotFound
from openslot.reports.errors import PeriodBackwards, PeriodTooLong, UnknownChoice

RECENT_WEEKS = (4, 12, 26)
"""The periods offered as links; the middle one is the default."""

MOST_WEEKS = 53

SERVICES = "services"
"""Used in place of a profession for services of departments."""

ONE_DAY, ONE_WEEK = timedelta(days=1), timedelta(days=7)


class Group(StrEnum):
    """What the figures are grouped by."""

    WEEK = "week"
    CENTRE = "centre"
    PROFESSION = "profession"


@dataclass(frozen=True, slots=True)
class Scope:
    """The figures of one centre, of one practitioner, or of the whole network."""

    centre_id: int | None = None
    practitioner_id: int | None = None


class Period(NamedTuple):
    """The days from ``first`` to ``last`` inclusive, in each centre's own calendar."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Return the number of days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> "Period":
        """Return the period of the same length that ends the day before this one."""
        return Period(self.first - self.days * ONE_DAY, self.first - ONE_DAY)

    def weeks(self) -> Iterator["Period"]:
        """Yield the weeks from Monday to Sunday; the first and last are cut to the period."""
        start = self.first
        while start <= self.last:
            sunday = start + timedelta(days=6 - start.weekday())
            yield Period(start, min(sunday, self.last))
            start = sunday + ONE_DAY

    def week_of(self, day: date) -> date:
        """Return the first day of the week of ``day`` in this period."""
        return max(self.first, day - timedelta(days=day.weekday()))


@dataclass(frozen=True, slots=True)
class Question:
    """The selection that a report is made for."""

    scope: Scope
    period: Period
    group: Group = Group.WEEK
    centre_id: int | None = None
    kind: str | None = None


def scope_of(actor: Actor) -> Scope:
    """Return the scope that the actor may see figures of, or raise Forbidden.

    Administrators see their centre or the network, practitioners their own figures.
    """
    if actor.is_a(Role.NETWORK_ADMIN):
        return Scope()
    if actor.is_a(Role.CENTRE_ADMIN) and actor.centre_id is not None:
        return Scope(centre_id=actor.centre_id)
    if actor.is_a(Role.PRACTITIONER) and actor.practitioner_id is not None:
        return Scope(practitioner_id=actor.practitioner_id)
    raise Forbidden


def check_centre(centre_id: int | None, known: Collection[int]) -> int | None:
    """Return ``centre_id`` if it is in scope, else raise NotFound, which also hides its
    existence."""
    if centre_id is not None and centre_id not in known:
        raise NotFound
    return centre_id


def check_kind(kind: str, known: Collection[str]) -> str | None:
    """Return a profession or SERVICES that is in scope, or None for all; raise UnknownChoice for
    anything else."""
    if kind and kind not in known:
        raise UnknownChoice(field="profession", name="profession")
    return kind or None


def last_weeks(count: int, today: date) -> Period:
    """Return the whole weeks before the one of ``today``, so that weeks can be compared."""
    if count not in RECENT_WEEKS:
        raise UnknownChoice(field="weeks", name="weeks")
    monday = today - timedelta(days=today.weekday())
    return Period(monday - count * ONE_WEEK, monday - ONE_DAY)


def check_period(first: date, last: date) -> Period:
    """Return the period; raise PeriodBackwards or PeriodTooLong."""
    if last < first:
        raise PeriodBackwards(field="since")
    if (last - first).days >= MOST_WEEKS * 7:
        raise PeriodTooLong(field="since", weeks=MOST_WEEKS)
    return Period(first, last)
