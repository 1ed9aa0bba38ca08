"""The way of every form: check what was typed, do the command, or show the form again."""

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from openslot.core.errors import DomainError, Forbidden, NotFound
from openslot.core.fields import Details
from openslot.entrypoints.problems import status_of
from openslot.entrypoints.web import context
from openslot.entrypoints.web.forms import Form

D = TypeVar("D", bound=Details)

SHOWN = 200
NOT_UNDERSTOOD = 422


def save(
    form: Form, kind: type[D], command: Callable[[Session, D], object], **more: Any
) -> int | None:
    """Do the command with what was typed, and ``more``, as details of ``kind``.

    None once it is done; otherwise the status of the refusal, which stands in the form.
    """
    details = form.details(kind, **more)
    if details is None:
        return NOT_UNDERSTOOD
    return do(form, lambda session: command(session, details))


def do(form: Form, work: Callable[[Session], object]) -> int | None:
    """Do ``work`` in a transaction; None, or the status of the refusal, which the form shows.

    Raises what no correction of the form would change: NotFound and Forbidden.
    """
    try:
        context.write(work)
    except (NotFound, Forbidden):
        raise
    except DomainError as error:
        form.refuse(error)
        return status_of(error)
    return None
