"""The way of every form: check what was typed, do the command, or show the form again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.core.fields import Details
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import context
from openslot.entrypoints.web.forms import Form

D = TypeVar("D", bound=Details)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

SHOWN = 200
NOT_UNDERSTOOD = 422

_NAMELESS = frozenset(
    {
        "Fill in this field.",
        "Check this field.",
        "Enter a whole number.",
        "Choose an option from the list.",
        "Remove characters that cannot be seen, such as tabs.",
    }
)
"""Sentences that say nothing in the summary above a form unless they name the field."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T_co]):
    """What the command gave."""

    value: T_co


def save(
    form: Form, kind: type[D], command: Callable[[Session, D], T], **more: Any
) -> Done[T] | int:
    """Do the command with what was typed, and ``more``, as details of ``kind``.

    The status of a refusal otherwise, which stands in the form.
    """
    details = checked(form, kind, **more)
    if details is None:
        return NOT_UNDERSTOOD
    return do(form, lambda session: command(session, details))


def checked(form: Form, kind: type[D], **more: Any) -> D | None:
    """What was typed as details; None with the errors, by the fields' names, in the form."""
    details = form.details(kind, **more)
    for field in form:
        field.errors = [_named(field.label.text, sentence) for sentence in field.errors]
    return details


def _named(label: str, sentence: str) -> str:
    if sentence == "Fill in this field.":
        return str(_("Fill in “%(field)s”.", field=label))
    if sentence in _NAMELESS or sentence.startswith("Shorten this"):
        return str(_("%(field)s: %(sentence)s", field=label, sentence=_(sentence)))
    return sentence


def do(form: Form, work: Callable[[Session], T]) -> Done[T] | int:
    """Do ``work`` in a transaction; the status of a refusal, which then stands in the form.

    Raises what no correction of the form would change: NotFound, and Forbidden without a field.
    """
    try:
        return Done(context.write(work))
    except NotFound:
        raise
    except Forbidden as error:
        if error.field is None:
            raise
        form.refuse(error)
        return status_of(error)
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
