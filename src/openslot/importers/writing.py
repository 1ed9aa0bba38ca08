"""The state of one import, and the merging of rows with existing data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import ValidationError

from openslot.core.actor import Role
from openslot.core.errors import DomainError
from openslot.core.fields import Details, first_problem
from openslot.core.work import Work
from openslot.directory.models import Centre
from openslot.identity import commands as identity
from openslot.identity.commands import NewAccount
from openslot.identity.models import Account
from openslot.importers.outcome import Effect, Outcome
from openslot.importers.problems import Problems, Source
from openslot.importers.progress import Progress
from openslot.schedules.availability import Weekly
from openslot.schedules.commands import ScheduleDetails
from openslot.schedules.models import StartsFrom

USUAL_HOURS = tuple(Weekly(day, 9 * 60, 17 * 60) for day in range(5))
"""Opening hours if a file names none: weekdays from 09:00 to 17:00."""

COUNTED_SLOTS = ScheduleDetails(slot_minutes=30, starts_from=StartsFrom.MIDNIGHT)
"""How the systems that the files come from count a day: in half hours from midnight."""

D = TypeVar("D", bound=Details)
P = ParamSpec("P")


@dataclass(slots=True)
class Writing:
    """The transaction of one import. ``hashes`` are those of new accounts, by email address."""

    work: Work
    hashes: dict[str, str]
    progress: Progress
    outcome: Outcome = field(default_factory=Outcome)
    problems: Problems = field(default_factory=Problems)
    centres: dict[str, Centre] = field(default_factory=dict)
    """Centres by folded name."""

    def attempt(
        self,
        source: Source,
        kind: str,
        work: "Callable[Concatenate[Writing, P], Effect]",
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Write one row and count it; an error becomes a problem of the row.

        The import is then rolled back as a whole, with everything that the row has written.
        """
        try:
            self.outcome.count(kind, work(self, *args, **kwargs))
        except ValidationError as error:
            refused = first_problem(error)
            self.problems.add(source, refused.field, str(refused))
        except DomainError as error:
            self.problems.add(source, error.field, str(error))


def given(**values: Any) -> dict[str, Any]:
    """Return the values that a row has; an empty cell leaves the existing value."""
    return {name: value for name, value in values.items() if value is not None}


def changed(kind: type[D], thing: object, values: Mapping[str, Any]) -> D | None:
    """Return the details of ``thing`` with ``values`` merged in, or None if nothing changes."""
    old = {name: getattr(thing, name) for name in kind.model_fields}
    if all(old[name] == value for name, value in values.items()):
        return None
    old_values = {name: value for name, value in old.items() if value is not None}
    return kind.model_validate({**old_values, **values})


def effect(*changes: object) -> Effect:
    """Return CHANGED if any of ``changes`` is true, else UNCHANGED."""
    return Effect.CHANGED if any(changes) else Effect.UNCHANGED


def open_account(
    writing: Writing,
    email: str,
    name: str,
    role: Role,
    *,
    must_change_password: bool = True,
    external_id: str | None = None,
) -> Account:
    """Create an account with its hash; it counts as confirmed by the author of the file."""
    new = NewAccount(
        email,
        name,
        writing.hashes[email],
        role,
        must_change_password=must_change_password,
        confirmed_at=writing.work.now,
        external_id=external_id,
    )
    return identity.create_account(writing.work, new)


def rename(writing: Writing, account: Account, **values: str | None) -> bool:
    """Change an account's name or email address if it differs; return True if it was changed."""
    new = {
        name: value for name, value in given(**values).items() if getattr(account, name) != value
    }
    if new:
        identity.change_account(writing.work, account.id, **new)
    return bool(new)
