"""Adding a practitioner in three steps: the person, where and when, the account.

All steps are one form. A page shows the fields of one step and carries those of the others as they
were typed, so nothing is lost on the way forward or back, and nothing is stored before the end.
"""

from enum import StrEnum

from flask import request
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from openslot.directory.details import PractitionerDetails
from openslot.entrypoints.web import reading
from openslot.entrypoints.web.forms import Form
from openslot.entrypoints.web.hours_form import HoursForm


class Step(StrEnum):
    """A step, in order."""

    PERSON = "person"
    PLACE = "place"
    ACCOUNT = "account"

    @property
    def number(self) -> int:
        """Return its number, from 1."""
        return list(Step).index(self) + 1

    def beside(self, by: int) -> "Step":
        """Return the step so many after this one, or before."""
        steps = list(Step)
        return steps[min(max(steps.index(self) + by, 0), len(steps) - 1)]


TITLES = {
    Step.PERSON: _l("The person"),
    Step.PLACE: _l("Where and when"),
    Step.ACCOUNT: _l("Their account"),
}

OF_PERSON = frozenset(PractitionerDetails.model_fields)
OF_ACCOUNT = frozenset({"invite", "asked", "email"})
"""The address of the account is the practitioner's, and can be corrected there too."""

_OF_NONE = frozenset({"csrf_token", "step", "go", "preview"})


def sent_step() -> Step:
    """Return the step whose page was sent; the last for a form that was sent as a whole."""
    return reading.option("step", Step, Step.ACCOUNT)


def carried(step: Step) -> MultiDict[str, str]:
    """Return what was typed in the other steps."""
    return MultiDict(
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in _OF_NONE and not _is_of(step, name)
    )


def was_seen(name: str) -> bool:
    """Return whether the step with a field that is always sent has been seen."""
    return name in request.form


def step_with_error(form: Form, hours: HoursForm) -> Step | None:
    """Return the first step with something to correct, or None."""
    wrong = {field.name for field in form if field.errors}
    if wrong & OF_PERSON - {"email"}:
        return Step.PERSON
    if hours.errors or wrong - OF_PERSON - OF_ACCOUNT:
        return Step.PLACE
    return Step.ACCOUNT if wrong or form.form_errors else None


def _is_of(step: Step, name: str) -> bool:
    if step is Step.PLACE:
        return name not in OF_PERSON | OF_ACCOUNT
    return name in (OF_PERSON if step is Step.PERSON else OF_ACCOUNT)
