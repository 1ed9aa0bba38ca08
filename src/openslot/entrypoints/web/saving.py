"""Frame of all forms: check, run the command, or show the form again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from flask import flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.core.fields import Details
from openslot.core.work import Work
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import context
from openslot.entrypoints.web.forms import Form

D = TypeVar("D", bound=Details)
P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

SHOWN = 200
NOT_UNDERSTOOD = 422

_NAMELESS = frozenset(
    {
        "Check this field.",
        "Enter a whole number.",
        "Choose an option from the list.",
        "Remove characters that cannot be seen, such as tabs.",
        "Shorten this to {longest} characters.",
        "Shorten this to {max_length} characters.",
    }
)
"""Sentences, before translation, that need the name of the field in the summary above a form."""

_MISSING = {
    "answer": _l("Write an answer."),
    "born": _l("Enter a date of birth."),
    "dose": _l("Enter a dose."),
    "letter": _l("Write the referral."),
    "medication": _l("Enter the medication."),
    "name": _l("Enter a name."),
    "reason": _l("Give a reason."),
    "task": _l("Say what needs doing."),
    "text": _l("Write a note."),
}
"""Sentences for empty fields, by field name; a form can override them."""


@dataclass(frozen=True, slots=True)
class Done(Generic[T_co]):
    """Result of the command."""

    value: T_co


def save(form: Form, kind: type[D], command: Callable[[Work, D], T], **more: Any) -> Done[T] | int:
    """Check the form as details of ``kind``, with ``more`` added, and run the command.

    Return the status of a refusal, which the form shows; SHOWN if it was not sent.
    """
    if request.method != "POST":
        return SHOWN
    details = checked(form, kind, **more)
    if details is None:
        return NOT_UNDERSTOOD
    return do(form, command, details)


def checked(form: Form, kind: type[D], **more: Any) -> D | None:
    """Return the typed details; None with errors that name their fields."""
    return form.details(kind, partial(_said, form), **more)


def _said(form: Form, name: str, sentence: str, params: Mapping[str, Any]) -> str:
    """Return the sentence in the reader's language, with the name of its field if it needs one."""
    if name in form and sentence == "Fill in this field.":
        missing = form.missing.get(name) or _MISSING.get(name)
        return str(missing or _("Enter “%(field)s”.", field=form[name].label.text))
    said = str(_(sentence)).format(**params)
    if name in form and sentence in _NAMELESS:
        return str(_("%(field)s: %(sentence)s", field=form[name].label.text, sentence=said))
    return said


def do(
    form: Form, command: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
) -> Done[T] | int:
    """Do the command in a transaction; return the status of a refusal, which the form shows, and
    SHOWN if it was not sent.

    Raise what the form cannot correct: NotFound, and Forbidden without a field.
    """
    if request.method != "POST":
        return SHOWN
    try:
        return Done(context.write(command, *args, **kwargs))
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


def see_other(url: str, message: str) -> Response:
    """Return to a page that shows ``message`` about what was done."""
    flash(message, "good")
    return redirect(url, 303)
